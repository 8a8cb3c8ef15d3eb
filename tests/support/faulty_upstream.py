"""An upstream in trouble, on a real socket: what happens to each request, a test says in advance.

    async with FaultyUpstream(reset, saying(http(503)), then=healthy) as upstream:

Each request takes the next of the steps, and all others `then`, which may be changed at any time. Responsible for
trouble on the wire; what a healthy answer is, the test says.
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
    """Follows its steps. heads: of all requests that came whole, with their bodies.

    on_accept: happens to every connection before anything is read, in the place of steps.
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
        """How many came."""
        return self._server.connections

    @property
    def open(self) -> int:
        """How many of them there still are."""
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
    """End the connection in order, with nothing said."""
    writer.close()


async def reset(_reader: Reader, writer: Writer) -> None:
    """End the connection with a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stall(reader: Reader, writer: Writer) -> None:
    """Say nothing until the client leaves."""
    await silence(reader, writer)
    writer.close()


def saying(text: bytes, then: Step | None = None) -> Step:
    """Write these bytes, and go on as told."""

    async def step(reader: Reader, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()
        if then is not None:
            await then(reader, writer)

    return step


def trickling(text: bytes, pause: float) -> Step:
    """Write these bytes one by one."""

    async def step(_reader: Reader, writer: Writer) -> None:
        for octet in text:
            if writer.is_closing():
                return
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(pause)

    return step


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer. Names of headers have underscores for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **given}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body
