"""The pool of HTTP/1.1 connections to one server: opens connections, keeps them idle for a while, and reuses them.

The pool reuses the connection that was idle for the shortest time, so that surplus connections expire. The number of
connections is limited only by the number of concurrent requests.
"""

import asyncio
import contextlib
import ssl
from typing import Final, NamedTuple

import aiohappyeyeballs

from gateway.upstream.http1.connection import HttpConnection
from gateway.upstream.http1.turn_queue import TurnQueue
from gateway.upstream.resolver import Resolver

IDLE_SECONDS: Final = 15.0
"""Shorter than the usual keep-alive timeout of servers; those with a shorter one announce it in `Keep-Alive`."""

_KEEP_ALIVE_MARGIN: Final = 1.0
_HAPPY_EYEBALLS_DELAY: Final = 0.25
_TLS_CLOSE_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 2.0


class ServerAddress(NamedTuple):
    """The server that the connections go to. tls: None for plaintext."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class ConnectionPool:
    """Connections to one server. Belongs to the event loop in which it is created."""

    def __init__(self, server: ServerAddress, read_timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._read_timeout = read_timeout
        self._turns = TurnQueue(self._loop)
        self._resolver = Resolver(server.host, server.port)
        self._idle: list[HttpConnection] = []
        self._open: set[HttpConnection] = set()
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._last_ended: asyncio.Event = asyncio.Event()

    @property
    def open(self) -> int:
        """Return the number of connections, in use or idle."""
        return len(self._open)

    def acquire(self) -> HttpConnection | None:
        """Return an idle connection that is still open; None if there is none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_until > self._loop.time() and connection.is_reusable():
                return connection
            connection.abort()
        return None

    async def connect(self) -> HttpConnection:
        """Open a connection. Raises OSError (which includes SSLError), or UnicodeError for an invalid host name."""
        addresses = await self._resolver.addresses()
        try:
            wire = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY, interleave=1
            )
        except BaseException:
            self._resolver.forget()
            raise
        tls = self._server.tls
        # From here on the loop owns the socket and closes it, even if the handshake fails.
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

    def release(self, connection: HttpConnection) -> None:
        """Return a connection after an exchange: it becomes idle, or is closed if no other request can follow."""
        if not connection.can_be_pooled:
            connection.abort()
            return
        now = self._loop.time()
        connection.idle_until = now + min(IDLE_SECONDS, connection.response.keep_alive_seconds - _KEEP_ALIVE_MARGIN)
        self._idle.append(connection)
        if self._expiry_timer is None:
            self._expiry_timer = self._loop.call_later(IDLE_SECONDS, self._close_expired)

    async def close(self) -> None:
        """Close all connections, including those in use."""
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        self._idle.clear()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # connections that failed just now end in the next iteration of the loop
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._open:
                    self._last_ended.clear()
                    await self._last_ended.wait()

    def _new(self) -> HttpConnection:
        return HttpConnection(self._loop, self._ended, self._read_timeout, self._turns)

    def _ended(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open:
            self._last_ended.set()

    def _close_expired(self) -> None:
        """Close connections that were idle for too long, and schedule the next check if any are left."""
        self._expiry_timer = None
        now = self._loop.time()
        kept = []
        for connection in self._idle:
            if connection.idle_until > now:
                kept.append(connection)
            else:
                connection.close()
        self._idle = kept
        if kept:
            due = min(connection.idle_until for connection in kept) - now
            self._expiry_timer = self._loop.call_later(max(due, 0.1), self._close_expired)
