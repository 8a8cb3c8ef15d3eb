"""KeywayError: the details of a failed call, read from gRPC errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from keyway.explanations import of_gateway, recognized
from keyway.problems import Problem

REQUEST_ID: Final = "keyway-request-id"
RECEIPT: Final = "keyway-audit-receipt"
_DETAILS: Final = "grpc-status-details-bin"
_DOMAIN: Final = "keyway"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Violation:
    """An invalid field of a request. field: its name in the contract."""

    field: str
    description: str


class KeywayError(Exception):
    """A failed call.

    code: the gRPC status code. message: a description for people.
    reason: the name of an ErrorReason without its prefix, such as `KEY_NOT_FOUND`. Empty if the error does not come
    from the gateway, for example if there is no connection or the deadline passed in the client.
    metadata: details of the reason, such as `provider`, `upstream_code` and `http_status`.
    violations: all invalid fields of the request.
    retry_delay: seconds to wait before a retry. The gateway sets it only if a retry is safe; otherwise it is None.
    request_id: identifies the call in the gateway's log. receipt: identifies the call's record in the journal. Both can
    be empty.
    resource: the resource that the error is about, such as `providers/nhn-keys/keys/orders-key`. It can be empty.
    problem: why the client cannot connect, or why the gateway rejects the caller; None if the cause is something else
    or unknown. If the error does not come from the gateway, the message is the sentence of the problem.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str = "",
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_delay: float | None = None,
        request_id: str = "",
        receipt: str = "",
        problem: Problem | None = None,
        resource: str = "",
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.violations = violations
        self.retry_delay = retry_delay
        self.request_id = request_id
        self.receipt = receipt
        self.problem = problem
        self.resource = resource

    def __str__(self) -> str:
        """Return one line: code, reason, message, how to fix the problem, and request id."""
        name = self.code.name if self.reason in ("", self.code.name) else f"{self.code.name} {self.reason}"
        fix = f": {self.problem.fix}" if self.problem and self.reason else ""
        quote = f" (request {self.request_id})" if self.request_id else ""
        return f"{name}: {self.message}{fix}{quote}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, for example to another process."""
        return type(self), (self.code, self.message), self.__dict__

    @classmethod
    def of(cls, error: grpc.RpcError) -> "KeywayError":
        """Return the KeywayError of a gRPC error, from the sync or the asyncio API."""
        call: Any = error
        trailers = call.trailing_metadata() if hasattr(call, "trailing_metadata") else None
        code, message = (call.code(), call.details()) if hasattr(call, "code") else (grpc.StatusCode.UNKNOWN, "")
        made = cls(code, message or "", request_id=_text(trailers, REQUEST_ID), receipt=_text(trailers, RECEIPT))
        made._take(_status(trailers))
        return made

    @classmethod
    def of_problem(cls, problem: Problem) -> "KeywayError":
        """Return the error of a client that cannot connect."""
        return cls(grpc.StatusCode.UNAVAILABLE, problem.value, problem=problem)

    def explained(self, *, plaintext: bool, certificate: bool) -> "KeywayError":
        """Return this error, with the problem if its gRPC message describes a known one.

        The arguments are those of `recognized`.
        """
        if self.code is grpc.StatusCode.UNAVAILABLE:
            self.problem = recognized(self.message, plaintext=plaintext, certificate=certificate)
            self.message = self.problem.value if self.problem else self.message
        return self

    @classmethod
    def of_status(cls, status: Status) -> "KeywayError":
        """Return the KeywayError of a status in a response, such as the error of one item of a batch."""
        made = cls(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
        made._take(status)
        return made

    def _take(self, status: Status) -> None:
        info, request, retry, resource = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
            error_details_pb2.ResourceInfo(),
        )
        for packed in status.details:
            # A proxy can add an ErrorInfo of its own domain.
            if packed.Unpack(info) and info.domain == _DOMAIN:
                self.reason, self.metadata = info.reason, dict(info.metadata)
                self.problem = of_gateway(self.reason, self.message)
            elif packed.Unpack(request):
                found = ((violation.field, violation.description) for violation in request.field_violations)
                self.violations = tuple(Violation(*violation) for violation in found)
            elif packed.Unpack(resource):
                self.resource = resource.resource_name
            elif packed.Unpack(retry):
                self.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()


def text_of_grpc(error: KeywayError) -> str:
    """Return the text of gRPC for a problem of the connection; empty for other errors."""
    cause: Any = error.__cause__
    return str(cause.details()) if error.problem and not error.reason and hasattr(cause, "details") else ""


class FinishedCall(Protocol):
    """A finished call, as `with_call` returns it."""

    def trailing_metadata(self) -> Any:
        """Return the trailers."""


def request_id(call: FinishedCall) -> str:
    """Return the gateway's id of a call: `response, call = client.keys.Encrypt.with_call(request)`."""
    return _text(call.trailing_metadata(), REQUEST_ID)


def receipt(call: FinishedCall) -> str:
    """Return the receipt of the call's record in the journal; empty if the gateway keeps no journal."""
    return _text(call.trailing_metadata(), RECEIPT)


Trailers = Iterable[tuple[str, str | bytes]] | None


def _values(trailers: Trailers, key: str) -> Iterable[str | bytes]:
    return (value for name, value in trailers or () if name == key)


def _text(trailers: Trailers, key: str) -> str:
    value = next(iter(_values(trailers, key)), "")
    return value if isinstance(value, str) else value.decode(errors="replace")


def _status(trailers: Trailers) -> Status:
    """Return the status in the trailers; an empty one if it is missing or malformed."""
    value = next(iter(_values(trailers, _DETAILS)), b"")
    try:
        return Status.FromString(value if isinstance(value, bytes) else value.encode())
    except DecodeError:
        return Status()
