"""The connections of the lean transport to one server: made, kept at rest for a while, and used again.

The one that rested least is used first, so that those which are not needed end. How many there are at once is bounded
by how many requests there are.
"""

import asyncio
import contextlib
import ssl
from typing import Final, NamedTuple

import aiohappyeyeballs

from gateway.upstream.http1.connection import Connection
from gateway.upstream.resolver import Resolver

IDLE_SECONDS: Final = 15.0
"""Below what servers keep a connection for, the shortest of which say so."""

_KEEP_ALIVE_MARGIN: Final = 1.0
_HAPPY_EYEBALLS_DELAY: Final = 0.25
_TLS_CLOSE_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 2.0


class Server(NamedTuple):
    """Where connections go. tls: None without TLS."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Pool:
    """Connections to one server. Belongs to the event loop that runs when it is made."""

    def __init__(self, server: Server, read_timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._read_timeout = read_timeout
        self._resolver = Resolver(server.host, server.port)
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._last_ended: asyncio.Event = asyncio.Event()

    @property
    def open(self) -> int:
        """How many connections there are, in use or at rest."""
        return len(self._open)

    def take(self) -> Connection | None:
        """A connection at rest that still stands, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_until > self._loop.time() and connection.rested_well():
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """A new connection. Raises OSError, which SSLError is too, or UnicodeError for a host name that is none."""
        addresses = await self._resolver.addresses()
        try:
            wire = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY, interleave=1
            )
        except BaseException:
            self._resolver.forget()
            raise
        tls = self._server.tls
        # From here on the socket is the loop's, which closes it also where this fails.
        _, connection = await self._loop.create_connection(
            self._new,
            sock=wire,
            ssl=tls,
            server_hostname=self._server.host if tls else None,
            ssl_shutdown_timeout=_TLS_CLOSE_SECONDS if tls else None,
        )
        if not connection.ended:
            self._open.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """After an exchange, however it ended: it rests, or it is closed where no other request may follow."""
        if not connection.reusable:
            connection.abort()
            return
        now = self._loop.time()
        connection.idle_until = now + min(IDLE_SECONDS, connection.answer.kept_seconds - _KEEP_ALIVE_MARGIN)
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_rested)

    async def close(self) -> None:
        """End all connections, those in use too."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # connections that failed just now end with the loop's next turn
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._open:
                    self._last_ended.clear()
                    await self._last_ended.wait()

    def _new(self) -> Connection:
        return Connection(self._loop, self._ended, self._read_timeout)

    def _ended(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open:
            self._last_ended.set()

    def _close_rested(self) -> None:
        """Close what has rested for too long, and look again while there is something at rest."""
        self._sweep = None
        now = self._loop.time()
        standing = []
        for connection in self._idle:
            if connection.idle_until > now:
                standing.append(connection)
            else:
                connection.close()
        self._idle = standing
        if standing:
            due = min(connection.idle_until for connection in standing) - now
            self._sweep = self._loop.call_later(max(due, 0.1), self._close_rested)
