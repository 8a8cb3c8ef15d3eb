"""What happens to every call of a sync client: deadline, token, trace context; its failure becomes a KeywayError."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from keyway.connection import Token
from keyway.errors import KeywayError
from keyway.tracing import trace_context

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class CallDetails(grpc.ClientCallDetails):
    """What gRPC is told of a call."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


def prepared(details: Any, deadline: float, token: str | None) -> CallDetails:
    """The details of a call, with what the caller left out."""
    metadata = list(details.metadata or ())
    metadata += trace_context(metadata)
    if token is not None and not any(key == "authorization" for key, _ in metadata):
        metadata.append(("authorization", f"Bearer {_sendable(token)}"))
    # asyncio's details have none.
    compression = getattr(details, "compression", None)
    timeout = deadline if details.timeout is None else details.timeout
    return CallDetails(
        details.method, timeout, tuple(metadata), details.credentials, details.wait_for_ready, compression
    )


def _sendable(token: str) -> str:
    """The token, without what a file has around it; gRPC's own complaint of another would repeat it."""
    token = token.strip()
    if _TOKEN.fullmatch(token) is None:
        raise KeywayError(grpc.StatusCode.UNAUTHENTICATED, "the token is empty, or has what a header can't carry")
    return token


class Preparing(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg,unused-ignore]
    """deadline: seconds, of calls without one. token: fixed, or asked for at each call."""

    def __init__(self, deadline: float, token: Token | None) -> None:
        self._deadline = deadline
        self._token = token

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        """The call as gRPC began it; asked for its result, it raises a KeywayError."""
        token = self._token() if callable(self._token) else self._token
        return _Call(continuation(prepared(client_call_details, self._deadline, token), request))


class _Call:
    """A call, running or done. All but its failure is gRPC's own."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def result(self, timeout: float | None = None) -> Any:
        """The response, once it is there."""
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise KeywayError.of(error) from error

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The failure, once the call is done."""
        failure: BaseException | None = self._call.exception(timeout)
        return KeywayError.of(failure) if isinstance(failure, grpc.RpcError) else failure
