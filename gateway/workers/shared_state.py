"""What the workers share through the supervisor: the state of the providers."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import Reports, snapshots_line
from gateway.workers import messages
from gateway.workers.process import WorkerProcess


class SharedState:
    """Aggregates the reports of all workers, and sends the result to each of them."""

    def __init__(self) -> None:
        self._aggregate = StateAggregate()

    def reported(self, worker: int, reports: Reports) -> None:
        """Add the reports of a worker. worker: its number."""
        self._aggregate.report(worker, reports)

    async def share(self, workers: Callable[[], Sequence[WorkerProcess]]) -> None:
        """Send the state with every heartbeat, until this task is canceled. workers: returns the live workers."""
        while True:
            await asyncio.sleep(messages.HEARTBEAT_SECONDS)
            live = workers()
            self._aggregate.keep({worker.number for worker in live})
            line = snapshots_line(self._aggregate.snapshots())
            for worker in live:
                if worker.served:
                    worker.share_providers(line)
