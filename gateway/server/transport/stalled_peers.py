"""Closing of connections whose peers do not read what the gateway writes to a stream.

gRPC cannot end such a stream: its status is queued behind the message that the peer does not read, and the connection
stays open if the peer answers pings. Only the end of the connection releases the message and the state of the stream.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
from pathlib import Path
from typing import Final

import grpc
import structlog

from gateway.server.rpc_context import ServicerContext, peer_address

WRITE_SECONDS: Final = 60.0
_CLOSING_SECONDS: Final = 10.0
"""Seconds until a stream ends whose connection cannot be closed, such as that of a Unix socket."""
_DESCRIPTORS: Final = Path("/proc/self/fd")
_CLOSING: Final[set[str]] = set()
"""The peers whose connections are being closed. All streams of a connection can stall at the same time."""

_log = structlog.get_logger(__name__)


async def write(transport: ServicerContext, message: object, seconds: float) -> None:
    """Write a message to a stream. If the peer does not read it within `seconds`, its connection is closed.

    The connection is also closed if the calling task is canceled meanwhile, for example because the stream has reached
    its maximum age: gRPC keeps the message. Raises CancelledError when the connection has been closed, by either side.
    """
    writing = asyncio.ensure_future(transport.write(message))
    timer = asyncio.get_running_loop().call_later(seconds, _close, transport, seconds)
    writing.add_done_callback(lambda _: _written(writing, timer))
    try:
        async with asyncio.timeout(seconds + _CLOSING_SECONDS):
            await asyncio.shield(writing)
    except (TimeoutError, grpc.aio.BaseError):
        raise asyncio.CancelledError from None


def _written(writing: "asyncio.Future[None]", timer: asyncio.TimerHandle) -> None:
    timer.cancel()
    if not writing.cancelled():
        writing.exception()  # retrieved, because the caller may no longer wait for it


def _close(transport: ServicerContext, seconds: float) -> None:
    address = peer_address(transport.peer())
    if address in _CLOSING:
        return
    _CLOSING.add(address)
    _log.warning("reader_stalled", peer=address, seconds=seconds, effect="the connection is closed")
    # In a thread, because there can be thousands of descriptors.
    closing = asyncio.get_running_loop().run_in_executor(None, close_connection, address)
    closing.add_done_callback(lambda _: _CLOSING.discard(address))


def close_connection(address: str) -> bool:
    """Close the TCP connections to HOST:PORT, and return whether one was found. gRPC then ends all their streams.

    A peer can use the same port for connections to several listeners, and gRPC does not reveal the listener of a call.
    """
    found = False
    for descriptor in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError, ValueError):
            found = _close_if_connected(int(descriptor), address) or found
    return found


def _close_if_connected(descriptor: int, address: str) -> bool:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    # A copy, because gRPC can close the descriptor at any time, and its number can then belong to another connection.
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or _peer_of(connection) != address:
            return False
        connection.shutdown(socket.SHUT_RDWR)
        return True


def _peer_of(connection: socket.socket) -> str:
    """Return the HOST:PORT of the other side as gRPC writes it. Raises OSError if the socket is not connected."""
    host, port, *_ = connection.getpeername()
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return f"[{host}]:{port}"
    return f"{getattr(address, 'ipv4_mapped', None) or address}:{port}"
