"""The relay of reports of deliveries of secrets: what one worker reports, all others learn."""

from collections.abc import Callable, Sequence

from gateway.deliveries.ledger import Delivery, DeliveryKey, merge
from gateway.deliveries.reports import DeliveryReport, in_parts
from gateway.workers.process import WorkerProcess


class DeliveryRelay:
    """Passes the reports on, and keeps the deliveries of all live workers for workers that start later."""

    def __init__(self) -> None:
        self._deliveries: dict[int, dict[DeliveryKey, Delivery]] = {}
        self._informed: set[int] = set()

    def received(
        self, sender: WorkerProcess, report: DeliveryReport, workers: Callable[[], Sequence[WorkerProcess]]
    ) -> None:
        """Pass a report of a worker on. A worker can only report its own deliveries. workers: returns the live ones."""
        if report.worker != sender.pid or report.ended:
            return
        merge(self._deliveries.setdefault(sender.pid, {}), report.changes)
        for worker in workers():
            if worker is not sender and worker.pid in self._informed:
                worker.share_deliveries(report)

    def keep(self, workers: Sequence[WorkerProcess]) -> None:
        """Inform new workers about all deliveries, and all workers about the end of others."""
        live = {worker.pid for worker in workers}
        ended = self._deliveries.keys() - live
        self._informed &= live
        for worker in workers:
            if worker.pid in self._informed:
                for pid in ended:
                    worker.share_deliveries(DeliveryReport(pid, ended=True))
            elif worker.served:
                self._inform(worker)
        for pid in ended:
            del self._deliveries[pid]

    def _inform(self, worker: WorkerProcess) -> None:
        self._informed.add(worker.pid)
        for pid, deliveries in self._deliveries.items():
            if pid != worker.pid:
                for report in in_parts(pid, deliveries):
                    worker.share_deliveries(report)
