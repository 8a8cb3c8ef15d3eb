"""The exchange of messages about watched certificates between this worker and the other workers of the gateway."""

from collections.abc import Callable

import orjson

from gateway.watch.messages import Interest, Update
from gateway.watch.publisher import VersionPublisher
from gateway.watch.replica import VersionReplica

SendMessage = Callable[[Interest | Update], None]


class WatchExchange:
    """Connects the readers of this worker with the worker that polls.

    send: sends a message to the supervisor; None in a gateway of a single process.
    replica: the watched certificates in this worker. publisher: used if this worker polls.
    """

    def __init__(self, send: SendMessage | None = None) -> None:
        self._send = send
        self.replica = VersionReplica(self._send_interest)
        self.publisher = VersionPublisher(self._send_update)

    def receive_interest(self, message: bytes) -> None:
        """Take an interest of a worker, because this worker polls."""
        self.publisher.receive(Interest.of(orjson.loads(message)))

    def receive_update(self, message: bytes) -> None:
        """Take an update from the worker that polls."""
        self.replica.receive(Update.of(orjson.loads(message)))

    def _send_interest(self, interest: Interest) -> None:
        if self._send is None:
            self.publisher.receive(interest)
        else:
            self._send(interest)

    def _send_update(self, update: Update) -> None:
        if self._send is None:
            self.replica.receive(update)
        else:
            self._send(update)
