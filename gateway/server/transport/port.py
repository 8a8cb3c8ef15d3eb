"""The reservation of a port for the workers of one gateway.

A socket that never listens reserves the address. It is bound without SO_REUSEPORT first, which fails if the port is in
use. Then it sets SO_REUSEPORT, so that the workers, which run as the same user, can listen on the port. A second
gateway also binds without SO_REUSEPORT first, and fails.
"""

import contextlib
import errno
import socket
from typing import Final, Self

_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_MAXIMUM_ATTEMPTS: Final = 20


class Reservation:
    """Reserves HOST:PORT until `close`. Raises OSError if the port is in use. address: contains the actual port."""

    def __init__(self, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._sockets = _bound_everywhere(host.strip("[]"), int(port))
        self.address = f"{host}:{self._sockets[0].getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the port."""
        for one in self._sockets:
            one.close()


def _bound_everywhere(host: str, port: int) -> list[socket.socket]:
    """Bind the same port on every address of the host. Port 0 is retried: a port can be free on one address only."""
    for _ in range(_MAXIMUM_ATTEMPTS if port == 0 else 1):
        try:
            return _bound(host, port)
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRINUSE:
                break
    raise failure


def _bound(host: str, port: int) -> list[socket.socket]:
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "the host has no address")
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, address in host_addresses(host):
            try:
                one = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
                _bind(one, address, sockets[0].getsockname()[1] if sockets else port)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                failure = error  # such as ::1 on a machine without IPv6, which gRPC also skips
                continue
            sockets.append(one)
            if host in _WILDCARDS:
                break  # the IPv6 socket accepts both families
        if not sockets:
            raise failure
        opened.pop_all()
        return sockets


def host_addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses of a host. For a wildcard, the IPv6 address comes first, which can accept both families."""
    if host in _WILDCARDS:  # gRPC treats both as both families
        return [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104 - the configuration requests it
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind(one: socket.socket, address: str, port: int) -> None:
    # Closed connections of a previous gateway must not block the port.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == "::" else 1)
    one.bind((address, port))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
