"""A server that gives a test the raw connection, so that the test can break HTTP or TLS at any stage."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Behavior = Callable[[Reader, Writer], Awaitable[None]]


class RawServer:
    """A server on a free port. `behavior` serves a connection, which is closed afterwards or at the end of the block.

    connections: the number of connections so far. writers: those of the open connections.
    """

    def __init__(self, behavior: Behavior, *, tls: ssl.SSLContext | None = None) -> None:
        self._behavior = behavior
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.writers: set[Writer] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL. It uses the host name `localhost` if TLS verifies the host name."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writers.add(writer)
        try:
            await self._behavior(reader, writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the test ended or the client disconnected
        finally:
            self._tasks.discard(task)
            self.writers.discard(writer)
            writer.close()


async def read_request(reader: Reader) -> tuple[bytes, bytes]:
    """Read one request: its head, and a body of `Content-Length` bytes."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head, await reader.readexactly(int(value))
    return head, b""


def answering(answer: bytes) -> Behavior:
    """Read one request, write these bytes, and close the connection."""

    async def behavior(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return behavior


def keeping_alive(answer: bytes) -> Behavior:
    """Answer each request of a connection with these bytes."""

    async def behavior(reader: Reader, writer: Writer) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return behavior


async def silence(reader: Reader, _writer: Writer) -> None:
    """Read and send nothing until the client disconnects."""
    while await reader.read(65_536):
        pass
