"""The relay of messages about watched certificates: interests to the worker that polls, and updates to all workers."""

from collections.abc import Callable, Collection, Sequence

from gateway.watch.messages import Interest, Update
from gateway.workers.process import WorkerProcess


class WatchRelay:
    """Relays the messages, and keeps the interests, so that another worker can begin to poll."""

    def __init__(self) -> None:
        self._interests: dict[tuple[int, str], Interest] = {}
        self._poller: WorkerProcess | None = None

    def received(
        self, sender: WorkerProcess, message: Interest | Update, workers: Callable[[], Sequence[WorkerProcess]]
    ) -> None:
        """Pass a message of a worker on. A worker can only send its own interests. workers: returns the live ones."""
        if isinstance(message, Update):
            if sender is self._poller:
                for worker in workers():
                    if worker.pid == message.worker:
                        worker.share_update(message)
        elif message.worker == sender.pid:
            self._interests[message.worker, message.provider] = message
            if self._poller is not None:
                self._poller.share_interest(message)

    def use(self, poller: WorkerProcess) -> None:
        """Pass interests to another worker from now on."""
        self._poller = poller
        for interest in self._interests.values():
            poller.share_interest(interest)

    def keep(self, workers: Collection[int]) -> None:
        """Forget the interests of all other workers. workers: their process IDs."""
        for key, interest in list(self._interests.items()):
            if interest.worker not in workers:
                del self._interests[key]
                if self._poller is not None:
                    ended = Interest(interest.worker, interest.provider, interest.serial + 1)
                    self._poller.share_interest(ended)
