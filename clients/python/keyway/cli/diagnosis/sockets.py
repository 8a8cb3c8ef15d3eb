"""The first steps of a diagnosis: the address is resolved, and the server accepts a connection."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keyway.cli.diagnosis.steps import Step, StepFailed
from keyway.problems import Problem

_ADDRESS: Final = "address"
_CONNECTION: Final = "connection"
_PROXIES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCLUSIONS: Final = ("no_grpc_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a gateway. seconds: the time limit of each operation on a connection."""

    host: str
    port: int
    seconds: float

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection((self.host, self.port), self.seconds)


def proxy(host: str) -> str | None:
    """Return the environment variable with the proxy that gRPC uses for the host over TLS; None without a proxy."""
    excluded = next(filter(None, map(os.environ.get, _EXCLUSIONS)), "")
    suffixes = [each.strip() for each in excluded.split(",")]
    if any(suffix and host.endswith(suffix) for suffix in suffixes):
        return None
    return next((variable for variable in _PROXIES if os.environ.get(variable)), None)


def check_socket(endpoint: Endpoint) -> Iterator[Step]:
    """Yield the steps. Raises StepFailed."""
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise StepFailed(_ADDRESS, Problem.UNRESOLVED, f"{endpoint.host}: {error}") from error
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    yield Step(_ADDRESS, (addresses if addresses == endpoint.host else f"{endpoint.host} is {addresses}",))
    try:
        with endpoint.connect() as connection:
            connected = connection.getpeername()
    except ConnectionRefusedError as error:
        raise StepFailed(_CONNECTION, Problem.REFUSED, f"{addresses} port {endpoint.port}") from error
    except TimeoutError as error:
        waited = f"waited {endpoint.seconds:g} s for {addresses} port {endpoint.port}"
        raise StepFailed(_CONNECTION, Problem.TIMEOUT, waited) from error
    except OSError as error:
        raise StepFailed(_CONNECTION, Problem.UNREACHABLE, f"{addresses}: {error.strerror}") from error
    yield Step(_CONNECTION, (f"{connected[0]} port {connected[1]}",))
