"""The addresses of one host, asked of the system once for many connections."""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

KEPT_SECONDS: Final = 30.0

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Any]


class Resolver:
    """Looks a name up; connections at the same time share one look-up. Belongs to the running event loop."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._known: deque[AddressInfo] = deque()
        self._until = 0.0
        self._running: asyncio.Task[Sequence[AddressInfo]] | None = None

    async def addresses(self) -> list[AddressInfo]:
        """All addresses, each time beginning with another one. Raises OSError, or UnicodeError for no name at all."""
        if not self._known or self._loop.time() >= self._until:
            await self._look_up()
        addresses = list(self._known)
        self._known.rotate(-1)
        return addresses

    def forget(self) -> None:
        """What is known leads nowhere: look it up again for the next connection."""
        self._until = 0.0

    async def _look_up(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._ask(), name=f"look up {self._host}")
        running = self._running
        await asyncio.wait({running})  # one who gives up leaves it to the others
        found = running.result()
        self._known = deque(found)
        self._until = self._loop.time() + KEPT_SECONDS

    async def _ask(self) -> Sequence[AddressInfo]:
        try:
            return await self._loop.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        finally:
            self._running = None
