"""The listener: accepts connections within limits, and serves HTTP/1.1 on them.

A peer that is not authenticated must not hold a connection for long, so it has a few seconds for the TLS handshake, and
as many for its first request.
"""

import asyncio
import contextlib
import errno
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from gateway.server.transport.listener import ListenError
from gateway.server.transport.port import Reservation, host_addresses
from gateway.surfaces.vault.connection_slots import ConnectionSlot, ConnectionSlots
from gateway.surfaces.vault.responses import error_response

HANDSHAKE_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 75.0
_HEADER_BYTES: Final = 16 * 1024
"""Maximum size of a header field, in bytes: a bearer token has up to 8 KiB."""
_BACKLOG: Final = 128
_ACCEPT_RETRY_SECONDS: Final = 0.5
_AGE_JITTER: Final = 0.1

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ApiConnection(web.RequestHandler):
    """One connection. age: seconds after which it is closed, after the response to the request in progress."""

    __slots__ = ("_first_request", "expires", "slot")

    def __init__(self, server: web.Server, slot: ConnectionSlot, age: float, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, **options)
        self.slot = slot
        self.expires = loop.time() + age * random.uniform(1 - _AGE_JITTER, 1.0)  # noqa: S311 - protects nothing
        self._first_request: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, and start the time limit of its first request."""
        super().connection_made(transport)
        self._first_request = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release what the connection holds."""
        self._stop_timer()
        self.slot.release()
        super().connection_lost(exc)

    def authenticated(self) -> None:
        """Record that a request on this connection had a valid credential."""
        self._stop_timer()
        self.slot.authenticated()

    def abort(self) -> None:
        """Close the connection without waiting for data that the peer does not read."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Return the response to a request that is not valid HTTP. The text of the error can quote the request."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already begun")
        text = "the request is not valid HTTP/1.1" if status < 500 else "internal error"
        response = error_response(status, [text])
        response.force_close()
        return response

    def _stop_timer(self) -> None:
        if self._first_request is not None:
            self._first_request.cancel()
            self._first_request = None


class HttpListener:
    """Accepts connections on HOST:PORT. address: with the actual port, after `start`.

    tls: the context of the listener; None for plaintext. age: see ApiConnection.
    """

    def __init__(self, handler: Handler, slots: ConnectionSlots, tls: ssl.SSLContext | None, age: float) -> None:
        self._server = web.Server(handler, handler_cancellation=True)
        self._slots = slots
        self._tls = tls
        self._age = age
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self, listen: str, *, shared_port: bool) -> None:
        """Begin to accept connections. Raises ListenError. shared_port: the supervisor has reserved the port."""
        host, _, port = listen.rpartition(":")
        try:
            with contextlib.ExitStack() as reserved:
                if not shared_port:
                    port = reserved.enter_context(Reservation(listen)).address.rpartition(":")[2]
                self._sockets = _listening(host.strip("[]"), int(port))
        except OSError as error:
            raise ListenError(f"cannot listen on {listen}: is port {port} already in use?") from error
        self.address = f"{host}:{port}"
        for each in self._sockets:
            self._spawn(self._accept(each))

    async def close(self, seconds: float) -> None:
        """Accept no more connections, and close the others. Requests in progress have `seconds` to finish."""
        for task in [*self._tasks]:
            task.cancel()
        for each in self._sockets:
            each.close()
        await self._server.shutdown(seconds)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError:  # such as too many open files
                await asyncio.sleep(_ACCEPT_RETRY_SECONDS)
                continue
            slot = self._slots.take(str(address[0]))
            if slot is None:
                accepted.close()
            else:
                self._spawn(self._serve(accepted, slot))

    async def _serve(self, accepted: socket.socket, slot: ConnectionSlot) -> None:
        """Do the TLS handshake, and hand the connection over to its protocol."""
        connection = ApiConnection(
            self._server,
            slot,
            self._age,
            keepalive_timeout=_IDLE_SECONDS,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            auto_decompress=False,
            access_log=None,
        )
        handshake = HANDSHAKE_SECONDS if self._tls is not None else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=handshake
            )
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            slot.release()
            accepted.close()
        except BaseException:
            slot.release()
            raise


def _listening(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets on every address of a host, whose port is reserved. Raises OSError."""
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, address in host_addresses(host):
            is_any = address == "::"
            try:
                each = opened.enter_context(
                    socket.create_server(
                        (address, port), family=family, backlog=_BACKLOG, reuse_port=True, dualstack_ipv6=is_any
                    )
                )
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                continue  # such as ::1 on a machine without IPv6
            each.setblocking(False)
            sockets.append(each)
            if is_any:
                break  # this socket accepts both families
        if not sockets:
            raise failure
        opened.pop_all()
        return sockets
