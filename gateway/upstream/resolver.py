"""A caching DNS resolver for the host of one upstream."""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

CACHE_SECONDS: Final = 30.0

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Any]


class Resolver:
    """Resolves one name. Concurrent connections share one lookup. Belongs to the running event loop."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._known: deque[AddressInfo] = deque()
        self._until = 0.0
        self._running: asyncio.Task[Sequence[AddressInfo]] | None = None

    async def addresses(self) -> list[AddressInfo]:
        """Return all addresses, rotated on each call. Raises OSError, or UnicodeError for an invalid name."""
        if not self._known or self._loop.time() >= self._until:
            await self._refresh()
        addresses = list(self._known)
        self._known.rotate(-1)
        return addresses

    def forget(self) -> None:
        """Discard the cached addresses, because a connection to them failed."""
        self._until = 0.0

    async def _refresh(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._resolve(), name=f"resolve {self._host}")
        running = self._running
        await asyncio.wait({running})  # a canceled caller does not cancel the shared lookup
        found = running.result()
        self._known = deque(found)
        self._until = self._loop.time() + CACHE_SECONDS

    async def _resolve(self) -> Sequence[AddressInfo]:
        try:
            return await self._loop.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        finally:
            self._running = None
