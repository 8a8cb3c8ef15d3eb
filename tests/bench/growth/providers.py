"""The cost of heartbeats, calls, and the start by the number of providers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import parse_snapshots, snapshots_line
from gateway.provider_states.states import ProviderStates
from gateway.providers.catalog import SETTINGS, Catalog
from gateway.workers import messages
from keyway.v1 import provider_service_pb2 as providers
from tests.bench.competitors import ENCRYPT
from tests.bench.gateway_settings import BARE
from tests.bench.growth.cpu import measure
from tests.bench.growth.curve import Costed, Experiment
from tests.bench.growth.served import cost_of, gateway
from tests.bench.material import APP_KEY
from tests.bench.probe import channel
from tests.bench.run import surroundings

_WORKERS: Final = 2
_LIST: Final = "/keyway.v1.ProviderService/ListProviders"
_TYPE: Final = "nhn-secure-key-manager"


@contextmanager
def _providers(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    with ExitStack() as stack:
        around = stack.enter_context(surroundings(folder))

        def measured(size: int) -> Costed:
            others = [_provider(number, around.upstream.url(tls=False)) for number in range(size - 1)]
            with (
                gateway(around, folder / str(size), BARE, ENCRYPT, others=others) as (server, target),
                channel(target) as connection,
            ):
                encrypt: Any = connection.unary_unary(ENCRYPT)
                list_all: Any = connection.unary_unary(_LIST)
                request = providers.ListProvidersRequest(page_size=1000).SerializeToString()
                encrypt(around.material.encrypt_request, wait_for_ready=True)
                start = server.usage().total * 1e6
                one_call = cost_of(server, lambda: encrypt(around.material.encrypt_request), seconds)
                listed = cost_of(server, lambda: list_all(request), seconds)
            worker, supervisor = _heartbeat(size, seconds)
            return {
                "start to first response": start,
                "Encrypt": one_call,
                "ListProviders": listed,
                "heartbeat in a worker": worker,
                f"heartbeats of {_WORKERS} workers in the supervisor": supervisor,
            }

        yield measured


def _provider(number: int, endpoint: str) -> dict[str, Any]:
    return {"id": f"p{number}", "type": _TYPE, "endpoint": endpoint, "app_key": APP_KEY}


def _heartbeat(size: int, seconds: float) -> tuple[float, float]:
    """Measure a heartbeat of a worker, and what the supervisor does with those of all workers once a second."""
    settings = [SETTINGS[_TYPE].model_validate(_provider(number, "http://127.0.0.1:1")) for number in range(size)]
    catalog = Catalog.of(settings)
    states = ProviderStates(catalog, worker=0)
    aggregate = StateAggregate()
    line = _beat(catalog, states)
    answer = _supervise(aggregate, line)

    def beat() -> None:
        _beat(catalog, states)
        states.receive(parse_snapshots(answer))

    return measure(beat, seconds), measure(lambda: _supervise(aggregate, line), seconds)


def _beat(catalog: Catalog, states: ProviderStates) -> bytes:
    """Return the heartbeat of a worker in which each provider ended one request."""
    for provider in catalog:
        provider.requests.ended("POST", 200, 0.02)
    return messages.serving(states.collect(), available=True)


def _supervise(aggregate: StateAggregate, line: bytes) -> bytes:
    for number in range(_WORKERS):
        report = messages.parse(line).providers
        assert report is not None
        aggregate.report(number, report)
    return snapshots_line(aggregate.snapshots())


PROVIDERS: Final = Experiment(
    name="providers",
    title="Providers",
    axis="providers",
    unit="CPU µs",
    lines={
        "start to first response": 1,
        "Encrypt": 0,
        "ListProviders": 1,
        "heartbeat in a worker": 1,
        f"heartbeats of {_WORKERS} workers in the supervisor": 1,
    },
    sizes=(1, 2, 5, 10, 20, 50, 100, 200),
    few=(1, 2),
    setup=_providers,
)
