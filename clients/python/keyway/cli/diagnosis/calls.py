"""The last steps of a diagnosis, through gRPC: the health of the gateway, and one call with the caller's identity."""

from collections.abc import Iterator
from typing import Final

import grpc

from keyway.cli import tokens
from keyway.cli.diagnosis import certificates
from keyway.cli.diagnosis.steps import Step, StepFailed
from keyway.client import Client
from keyway.connection import Connection
from keyway.errors import KeywayError, text_of_grpc
from keyway.problems import Problem
from keyway.v1.provider_service_pb2 import ListProvidersRequest

_HEALTH: Final = "health"
_CALL: Final = "call"
_CHECK: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = b"\x08\x01"
"""A `HealthCheckResponse` with the status SERVING. An empty request asks for the whole gateway."""


def check_calls(client: Client, connection: Connection, seconds: float) -> Iterator[Step]:
    """Yield the steps. seconds: the time limit of each call. Raises StepFailed."""
    yield _health(client, connection, seconds)
    yield check_call(client, connection, seconds)


def _health(client: Client, connection: Connection, seconds: float) -> Step:
    check = client.channel.unary_unary(_CHECK, request_serializer=bytes, response_deserializer=bytes)
    try:
        status = check(b"", timeout=seconds)
    except KeywayError as error:
        if error.code is grpc.StatusCode.UNIMPLEMENTED:
            return Step(_HEALTH, ("the gateway has no health service here",))
        raise _failure(_HEALTH, error, connection) from error
    if status != _SERVING:
        raise StepFailed(_HEALTH, Problem.NOT_SERVING)
    return Step(_HEALTH, ("SERVING",))


def check_call(client: Client, connection: Connection, seconds: float) -> Step:
    """Make a read-only call with the credentials of the caller. Raises StepFailed."""
    try:
        client.providers.ListProviders(ListProvidersRequest(page_size=1), timeout=seconds)
    except KeywayError as error:
        raise _failure(_CALL, error, connection) from error
    return Step(_CALL, ("ListProviders succeeded",))


def problem_of(error: KeywayError, connection: Connection) -> tuple[Problem, list[str]]:
    """Return why a call failed, and details. CALL_FAILED if the connection and the caller are not the cause."""
    if error.code is grpc.StatusCode.UNAUTHENTICATED:
        return _unauthenticated(error, connection)
    if error.code is grpc.StatusCode.DEADLINE_EXCEEDED and not error.reason:
        return Problem.SILENT, []
    return error.problem or Problem.CALL_FAILED, []


def _failure(step: str, error: KeywayError, connection: Connection) -> StepFailed:
    problem, details = problem_of(error, connection)
    request = f"request {error.request_id}" if error.request_id else ""
    text = text_of_grpc(error) or error.message
    return StepFailed(step, problem, *details, text if text != problem.value else "", request)


def _unauthenticated(error: KeywayError, connection: Connection) -> tuple[Problem, list[str]]:
    """Return the problem that the gateway states, and for an expired token also its expiry and the time."""
    token = connection.current_token()
    expires = tokens.expiry(tokens.claims(token)) if isinstance(token, str) else None
    problem = error.problem or _likely(token, connection)
    # The gateway states that a token has expired only if it was issued by the configured issuer.
    if problem is Problem.TOKEN_REJECTED and expires is not None and expires <= certificates.now():
        problem = Problem.TOKEN_EXPIRED
    if problem is not Problem.TOKEN_EXPIRED:
        return problem, []
    expired = [] if expires is None else [f"expired at {certificates.moment(expires)}"]
    return problem, [*expired, certificates.clock()]


def _likely(token: object, connection: Connection) -> Problem:
    """Return the likely problem if the message is not one of the gateway's, for example that of a proxy."""
    if isinstance(token, str):
        return Problem.TOKEN_REJECTED
    return Problem.CREDENTIALS_MISSING if connection.certificate is None else Problem.CALLER_REJECTED
