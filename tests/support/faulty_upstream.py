"""A failing upstream on a real socket. A test states in advance what happens to each request.

    async with FaultyUpstream(reset, saying(http(503)), then=healthy) as upstream:

Each request uses the next step. Requests after the last step use `then`, which a test can change at any time. The test
also supplies the healthy response.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tests.support.raw_server import RawServer, Reader, Writer, read_request, silence

Step = Callable[[Reader, Writer], Awaitable[None]]


class FaultyUpstream:
    """An upstream that follows its steps. heads: all complete requests, with their bodies.

    on_accept: handles every connection before anything is read, instead of the steps.
    """

    def __init__(
        self, *steps: Step, then: Step, on_accept: Step | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._steps = list(steps)
        self.then = then
        self.on_accept = on_accept
        self.heads: list[bytes] = []
        self._server = RawServer(self._serve, tls=tls)

    @property
    def url(self) -> str:
        """The base URL."""
        return self._server.url

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return self._server.connections

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._server.writers)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        if self.on_accept is not None:
            await self.on_accept(reader, writer)
            return
        while not writer.is_closing():
            self.heads.append(b"".join(await read_request(reader)))
            step = self._steps.pop(0) if self._steps else self.then
            await step(reader, writer)


async def hang_up(_reader: Reader, writer: Writer) -> None:
    """Close the connection without a response."""
    writer.close()


async def reset(_reader: Reader, writer: Writer) -> None:
    """Reset the TCP connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stall(reader: Reader, writer: Writer) -> None:
    """Send nothing until the client disconnects."""
    await silence(reader, writer)
    writer.close()


def saying(text: bytes, then: Step | None = None) -> Step:
    """Return a step that writes these bytes."""

    async def step(reader: Reader, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()
        if then is not None:
            await then(reader, writer)

    return step


def trickling(text: bytes, pause: float) -> Step:
    """Return a step that writes these bytes one at a time."""

    async def step(_reader: Reader, writer: Writer) -> None:
        for octet in text:
            if writer.is_closing():
                return
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(pause)

    return step


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a complete response. Header names use underscores for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **given}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body
