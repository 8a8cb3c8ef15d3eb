"""The HTTP listener for Prometheus, with one page: `/metrics`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

_SECONDS: Final = 10.0
_HEAD_BYTES: Final = 16_384


@contextlib.asynccontextmanager
async def metrics_listener(address: tuple[str, int] | None, text: Callable[[], str]) -> AsyncIterator[None]:
    """Serve the metrics; without an address, do nothing. text: returns the page. Raises OSError."""
    if address is None:
        yield
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, text))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, *address, limit=_HEAD_BYTES):
        yield


def _response(head: bytes, text: Callable[[], str]) -> bytes:
    method, path, *_ = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""]
    if path.partition(b"?")[0] != b"/metrics":
        return _page("404 Not Found", "The metrics are at /metrics.\n", method)
    if method not in (b"GET", b"HEAD"):
        return _page("405 Method Not Allowed", "Use GET.\n", method)
    return _page("200 OK", text(), method)


def _page(status: str, text: str, method: bytes) -> bytes:
    body = text.encode()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (b"" if method == b"HEAD" else body)
