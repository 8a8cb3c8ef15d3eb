"""The supervisor's endpoints for the whole gateway: health for probes, and metrics of all workers."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import structlog

from gateway.config.load_state import LoadState
from gateway.contract.methods import SERVICES
from gateway.metrics_bindings import supervisor_series
from gateway.server.transport.health import serve_health
from gateway.server.transport.health_service import HealthService
from gateway.telemetry.descriptions.processes import WORKERS_AVAILABLE, WORKERS_REPLACED
from gateway.telemetry.instruments import Point, Series
from gateway.workers.group import Group
from gateway.workers.shared_state import SharedState

_ANSWER_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class Health:
    """The health service: SERVING while at least one worker accepts calls; NOT_SERVING after `drain`."""

    def __init__(self) -> None:
        self._servicer = HealthService(SERVICES)
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Update the health status, because the availability of a worker changed."""
        self._changed.set()

    def drain(self) -> None:
        """Report NOT_SERVING from now on."""
        self._servicer.drain()

    @contextlib.asynccontextmanager
    async def served(self, listen: str, available: Callable[[], bool]) -> AsyncIterator[str]:
        """Serve health at HOST:PORT. Yields the address with the actual port."""
        server, address = await serve_health(listen, self._servicer)
        status_task = asyncio.create_task(self._update_status(available))
        try:
            yield address
        finally:
            status_task.cancel()
            await server.stop(0)

    async def _update_status(self, available: Callable[[], bool]) -> None:
        while True:
            self._changed.clear()
            self._servicer.report(available=available())
            await self._changed.wait()


@contextlib.asynccontextmanager
async def prometheus(listen: str, group: Group, shared: SharedState, configuration: LoadState) -> AsyncIterator[None]:
    """Serve metrics at HOST:PORT, with a label per worker: a sum would decrease when a worker is replaced.

    configuration: the result of loading the configuration, which is a matter of the supervisor.
    """
    # Imported here: a gateway without `prometheus_listen` does not need the Prometheus client.
    from gateway.telemetry.prometheus import PrometheusEndpoint  # noqa: PLC0415

    loop = asyncio.get_running_loop()

    def own() -> Sequence[Series]:
        return supervisor_series(shared.snapshots, configuration)

    def read() -> Sequence[Series]:
        return asyncio.run_coroutine_threadsafe(_all_metrics(group, own), loop).result(_ANSWER_SECONDS + 1)

    endpoint = PrometheusEndpoint(listen, read)
    _log.info("serving_metrics", address=f"{listen.rpartition(':')[0]}:{endpoint.port}")
    try:
        yield
    finally:
        await asyncio.to_thread(endpoint.shutdown)


async def _all_metrics(group: Group, own: Callable[[], Sequence[Series]]) -> Sequence[Series]:
    workers = group.workers
    answers = await asyncio.gather(*(worker.measure(_ANSWER_SECONDS) for worker in workers))
    numbered = [(worker.number, series) for worker, answer in zip(workers, answers, strict=True) for series in answer]
    return [
        *merged([*numbered, *((None, series) for series in own())]),
        Series(WORKERS_AVAILABLE, [Point({}, sum(worker.available for worker in workers))]),
        Series(WORKERS_REPLACED, [Point({}, group.replaced)]),
    ]


def merged(numbered: Iterable[tuple[int | None, Series]]) -> Sequence[Series]:
    """Merge the series of all workers by name, with a label for the worker. None: those of the supervisor."""
    points: dict[str, list[Point]] = defaultdict(list)
    first_series: dict[str, Series] = {}
    for number, series in numbered:
        name = series.about.name
        first_series.setdefault(name, series)
        label = {"worker": str(number)} if number is not None else {}
        points[name] += [Point({**point.attributes, **label}, point.value) for point in series.points]
    return [first._replace(points=points[name]) for name, first in first_series.items()]
