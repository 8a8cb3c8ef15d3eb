"""Interceptor of the sync client: deadline, token and trace context of each call, and conversion of errors."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import grpc

from keyway.connection import Connection
from keyway.errors import KeywayError
from keyway.problems import Problem
from keyway.tracing import trace_context

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class CallDetails(grpc.ClientCallDetails):
    """The details of a call, as gRPC expects them from an interceptor."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


def prepared(details: Any, deadline: float | None, token: str | None) -> CallDetails:
    """Return the details of a call with the client's deadline, token and trace context where the caller set none."""
    metadata = list(details.metadata or ())
    metadata += trace_context(metadata)
    if token is not None and not any(key == "authorization" for key, _ in metadata):
        metadata.append(("authorization", f"Bearer {_checked(token)}"))
    # The details of asyncio calls have no compression.
    compression = getattr(details, "compression", None)
    timeout = deadline if details.timeout is None else details.timeout
    return CallDetails(
        details.method, timeout, tuple(metadata), details.credentials, details.wait_for_ready, compression
    )


def _checked(token: str) -> str:
    """Return the token without surrounding whitespace. The error does not contain the token, unlike that of gRPC."""
    token = token.strip()
    if _TOKEN.fullmatch(token) is None:
        raise KeywayError(
            grpc.StatusCode.UNAUTHENTICATED, "the token is empty or contains characters that a header cannot carry"
        )
    return token


class FirstCall:
    """Fails calls immediately while no program listens on a loopback address.

    gRPC would retry them for more than a second. Once a program listens, gRPC handles failures, because the gateway can
    be restarting.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found = False

    def check(self, details: CallDetails) -> None:
        """Raise KeywayError if nothing listens, except for a call that waits for the gateway (`wait_for_ready`)."""
        if self._found or details.wait_for_ready:
            return
        if self._connection.is_refused():
            raise KeywayError.of_problem(Problem.REFUSED)
        self._found = True


class CallInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[type-arg,unused-ignore]
    """Prepares each call. A stream has no default deadline."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first_call = FirstCall(connection)

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        """Start the call and return it. Its result raises KeywayError."""
        details = self._prepared(client_call_details, self._connection.deadline)
        return _Call(continuation(details, request), self._connection)

    def intercept_unary_stream(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        """Start the stream and return it. Its iteration raises KeywayError."""
        return _Stream(continuation(self._prepared(client_call_details, None), request), self._connection)

    def _prepared(self, client_call_details: Any, deadline: float | None) -> CallDetails:
        token = cast("str | None", self._connection.current_token())
        details = prepared(client_call_details, deadline, token)
        self._first_call.check(details)
        return details


class _Call:
    """A gRPC call whose errors are KeywayErrors."""

    def __init__(self, call: Any, connection: Connection) -> None:
        self._call = call
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the response."""
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise self._connection.explained(error) from error

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end of the call; return its error, or None."""
        failure: BaseException | None = self._call.exception(timeout)
        return self._connection.explained(failure) if isinstance(failure, grpc.RpcError) else failure


class _Stream:
    """A stream of responses whose errors are KeywayErrors."""

    def __init__(self, call: Any, connection: Connection) -> None:
        self._call = call
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise self._connection.explained(error) from error
