"""State that the workers share through the supervisor: providers, watched certificates, and which worker polls."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import Reports, Snapshots, snapshots_line
from gateway.workers import messages
from gateway.workers.delivery_relay import DeliveryRelay
from gateway.workers.process import WorkerProcess
from gateway.workers.watch_relay import WatchRelay


class SharedState:
    """Aggregates the reports of all workers, sends the result to each of them, and makes one of them poll."""

    def __init__(self) -> None:
        self._aggregate = StateAggregate()
        self._poller: WorkerProcess | None = None
        self.relay = WatchRelay()
        self.deliveries = DeliveryRelay()

    def reported(self, worker: int, reports: Reports) -> None:
        """Add the reports of a worker. worker: its number."""
        self._aggregate.report(worker, reports)

    @property
    def snapshots(self) -> Snapshots:
        """The state of each provider."""
        return self._aggregate.snapshots()

    async def share(self, workers: Callable[[], Sequence[WorkerProcess]]) -> None:
        """Send the state with every heartbeat, until this task is canceled. workers: returns the live workers."""
        while True:
            await asyncio.sleep(messages.HEARTBEAT_SECONDS)
            live = workers()
            self._aggregate.keep({worker.number for worker in live})
            self.relay.keep({worker.pid for worker in live})
            self.deliveries.keep(live)
            line = snapshots_line(self.snapshots)
            for worker in live:
                if worker.served:
                    worker.share_providers(line)
            self._choose_poller(live)

    def _choose_poller(self, workers: Sequence[WorkerProcess]) -> None:
        """If the polling worker ends, choose the newest worker, which a reload replaces last."""
        ready = [worker for worker in workers if worker.served and not worker.ending]
        if ready and self._poller not in ready:
            self._poller = ready[-1]
            self._poller.poll()
            self.relay.use(self._poller)
