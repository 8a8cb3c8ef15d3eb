"""The interface of what carries requests to an upstream. Two things do; which one, `client.py` decides."""

from typing import Final, Protocol

from gateway import __version__
from gateway.upstream.messages import HttpRequest, HttpResponse

COMMON_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "User-Agent": f"keyway/{__version__}",
}
"""On every request."""


class Transport(Protocol):
    """Carries requests to one endpoint, each of them once. `start` and `close` belong to the running event loop.

    It keeps connections and nothing else: no cookies, no redirects, no compression. It does not bound how many requests
    run at once.
    """

    async def start(self) -> None:
        """Make ready, unless it is; no connection is made yet."""

    async def close(self) -> None:
        """Close all connections. A request after it is a RuntimeError."""

    async def exchange(self, request: HttpRequest, traceparent: str | None, seconds: float) -> HttpResponse:
        """The complete answer within so many seconds; UpstreamError, one of `outcomes.py`, where there is none."""
