"""Loopback ports that stay free until a server of a test listens on them.

The kernel must not give such a port to an outgoing connection before the server starts, so the ports are below the
range for these. Test processes that run at the same time must not receive the same port, so each of them holds an
abstract Unix socket per port until it ends.
"""

import errno
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FIRST: Final = 10_000
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ADDRESSES: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_held: list[socket.socket] = []


def free_port() -> int:
    """Return a port on which nothing listens, and which no other call returns, in this process or in another one."""
    return next(port for port in _candidates if _is_free(port) and _hold(port))


def free_address() -> str:
    """Return HOST:PORT with such a port."""
    return f"127.0.0.1:{free_port()}"


def _ports() -> Iterator[int]:
    """Yield the ports again and again. Each process starts at a different one, so that few of them are held."""
    ports = range(_FIRST, int(_OUTGOING.read_text(encoding="ascii").split()[0]))
    start = os.getpid() * 101 % len(ports)
    return itertools.cycle((*ports[start:], *ports[:start]))


def _is_free(port: int) -> bool:
    """Return whether a server could listen on the port on every loopback address that the machine has."""
    for family, address in _ADDRESSES:
        try:
            with socket.socket(family) as probe:
                probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
    return True


def _hold(port: int) -> bool:
    """Hold the port until this process ends. Return whether no process holds it yet."""
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0keyway-test-port-{port}")
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    return True


_candidates: Final = _ports()
