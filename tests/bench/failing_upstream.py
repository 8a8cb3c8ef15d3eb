"""An upstream with controllable failures. It runs in the event loop of the benchmark and keeps one port."""

import asyncio
import socket
import struct
from enum import Enum
from types import TracebackType
from typing import Final, Self, cast


class Health(Enum):
    """Behavior of the upstream. HEALTHY: responds. REFUSING: does not listen. HANGING: listens without responding.
    RESETTING: resets each connection. OVERLOADED: responds with 503.
    """

    HEALTHY = "healthy"
    REFUSING = "refusing"
    HANGING = "hanging"
    RESETTING = "resetting"
    OVERLOADED = "overloaded"


_HEAD: Final = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)
_BACKLOG: Final = 1024


class FailingUpstream:
    """`async with FailingUpstream(answer) as upstream: … await upstream.become(Health.HANGING)`."""

    def __init__(self, answer: bytes) -> None:
        self.health = Health.HEALTHY
        self.answers = {
            Health.HEALTHY: _HEAD % (b"200 OK", len(answer)) + answer,
            Health.OVERLOADED: _HEAD % (b"503 Service Unavailable", 0),
        }
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        # Reserves the port while nothing listens. Without listen(), it accepts no connections.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.port: int = self._holder.getsockname()[1]
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.become(Health.REFUSING)
        self._holder.close()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def become(self, health: Health) -> None:
        """Change the behavior. Requests that hang are never answered, even after a later change."""
        self.health = health
        if health is Health.REFUSING:
            if self._server is not None:
                self._server.close()
                self._server = None
            for connection in list(self.connections):
                connection.abort()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, reuse_port=True, backlog=_BACKLOG
        )


class _Connection(asyncio.Protocol):
    """The gateway sends a request of this size in one segment, and the next request only after the response."""

    def __init__(self, upstream: FailingUpstream) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._upstream.connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        health = self._upstream.health
        if health is Health.RESETTING:
            wire: socket.socket = self._transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        elif (answer := self._upstream.answers.get(health)) is not None:
            self._transport.write(answer)
