"""The open streams of a server: their limits, and their end when the server drains."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.authz.principals import caller_id
from gateway.authz.settings import LimitSettings
from gateway.contract.spelling import nfc
from gateway.errors import CALLER_RATE_LIMITED, SERVER_BUSY, SERVER_DRAINING, GatewayError
from gateway.identity.caller import ANONYMOUS, Caller

EndStream = Callable[[GatewayError], None]

DRAINING: Final = "the gateway is shutting down; open the stream again, with the last resume token"


class OpenStreams:
    """The streams of one server. Anonymous callers have only the limit of the server."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._limits = {nfc(name): limits.streams for name, limits in settings.callers.items()}
        self._callers: Counter[str] = Counter()
        self._streams: dict[EndStream, str] = {}
        self._closed = False

    @property
    def count(self) -> int:
        """Number of open streams."""
        return len(self._streams)

    def add(self, caller: Caller, end: EndStream) -> None:
        """Add a stream. Raises GatewayError if a limit is reached. end: called when the server drains."""
        if self._closed:
            raise GatewayError(SERVER_DRAINING, DRAINING)
        if len(self._streams) >= self._settings.server_streams:
            raise GatewayError(SERVER_BUSY, f"server limit of {self._settings.server_streams} open streams reached")
        name = "" if caller.kind == ANONYMOUS.kind else nfc(caller_id(caller))
        limit = self._limits.get(name, self._settings.caller.streams)
        if name and self._callers[name] >= limit:
            raise GatewayError(CALLER_RATE_LIMITED, f"caller limit of {limit} open streams reached")
        self._callers[name] += 1
        self._streams[end] = name

    def remove(self, end: EndStream) -> None:
        """Remove a stream that has ended."""
        name = self._streams.pop(end, None)
        if name is not None:
            self._callers[name] -= 1
            if not self._callers[name]:
                del self._callers[name]

    def close(self) -> None:
        """End all streams, and accept no more."""
        self._closed = True
        for end in list(self._streams):
            end(GatewayError(SERVER_DRAINING, DRAINING))
