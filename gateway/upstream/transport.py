"""The transport interface: sends one HTTP request. `client.py` chooses one of its two implementations."""

from typing import Final, Protocol

from gateway import __version__
from gateway.upstream.messages import HttpRequest, HttpResponse

COMMON_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "User-Agent": f"keyway/{__version__}",
}
"""Headers of every request."""


class Transport(Protocol):
    """Sends requests to one endpoint, each exactly once. `start` and `close` belong to the running event loop.

    A transport keeps connections and no other state: no cookies, redirects, or compression. It does not limit the
    number of concurrent requests.
    """

    async def start(self) -> None:
        """Prepare the transport unless it is ready. Opens no connection."""

    async def close(self) -> None:
        """Close all connections. A later request raises RuntimeError."""

    async def exchange(
        self, request: HttpRequest, traceparent: str | None, seconds: float, *, new_connection: bool
    ) -> HttpResponse:
        """Send a request and return the complete response.

        seconds: until the deadline. new_connection: do not reuse an open connection. Raises UpstreamError with a kind
        of `outcomes.py`, and its subclass StaleConnection if a reused connection was lost before a response began.
        """
