"""The order of the steps of a diagnosis."""

from collections.abc import Iterator
from typing import Final

from keyway.cli.diagnosis.calls import check_calls
from keyway.cli.diagnosis.http2 import Reply, greet_without_tls, offers_tls
from keyway.cli.diagnosis.sockets import Endpoint, check_socket, proxy
from keyway.cli.diagnosis.steps import Step, StepFailed
from keyway.cli.diagnosis.tls import check_tls
from keyway.client import Client
from keyway.connection import Connection
from keyway.problems import Problem
from keyway.targets import host_and_port

_HTTP2: Final = "HTTP/2"
_DIRECT: Final = "direct connection"


def diagnose(client: Client, connection: Connection, seconds: float) -> Iterator[Step]:
    """Yield each finished step. The last one can be a failed one. seconds: the time limit of each operation."""
    try:
        yield from _direct(connection, seconds)
        yield from check_calls(client, connection, seconds)
    except StepFailed as failure:
        yield failure.step


def _direct(connection: Connection, seconds: float) -> Iterator[Step]:
    """Yield the steps before gRPC. They need a direct connection to the gateway."""
    found = host_and_port(connection.address) if isinstance(connection.address, str) else None
    if found is None:
        yield Step(_DIRECT, ("not checked: the address is not HOST:PORT",))
        return
    if not connection.plaintext and (variable := proxy(found[0])):
        yield Step(_DIRECT, (f"not checked: gRPC uses the proxy in the variable {variable}",))
        return
    endpoint = Endpoint(*found, seconds)
    yield from check_socket(endpoint)
    yield from _without_tls(endpoint) if connection.plaintext else check_tls(endpoint, connection)


def _without_tls(endpoint: Endpoint) -> Iterator[Step]:
    match greet_without_tls(endpoint):
        case Reply.HTTP2:
            yield Step(_HTTP2, ("without TLS",))
        case Reply.SILENCE:
            raise StepFailed(_HTTP2, Problem.SILENT, f"waited {endpoint.seconds:g} s")
        case _ if offers_tls(endpoint):
            raise StepFailed(_HTTP2, Problem.TLS_REQUIRED)
        case _:
            raise StepFailed(_HTTP2, Problem.NOT_HTTP2)
