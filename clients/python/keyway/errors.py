"""What a failed call tells. Responsible for reading it out of gRPC's errors, and for nothing that happens then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

REQUEST_ID: Final = "keyway-request-id"
RECEIPT: Final = "keyway-audit-receipt"
_DETAILS: Final = "grpc-status-details-bin"
_DOMAIN: Final = "keyway"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request. field: its name, as the contract spells it."""

    field: str
    description: str


class KeywayError(Exception):
    """A call that failed.

    code: gRPC's. message: for people. reason: the name of an ErrorReason without its prefix, such as `KEY_NOT_FOUND`;
    empty where the failure is not the gateway's own: no connection, the call's own deadline. metadata: what there is to
    it, such as `provider`, `upstream_code`, `http_status`. violations: all fields that break the contract.
    retry_delay: seconds after which the call may be repeated, whatever it does; None where the gateway does not say so.
    request_id: to quote to the operators. receipt: of the call's record in the journal. The last two may be empty.
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

    def __str__(self) -> str:
        """One line: code, reason, message, and the id to quote."""
        name = f"{self.code.name} {self.reason}" if self.reason else self.code.name
        quote = f" (request {self.request_id})" if self.request_id else ""
        return f"{name}: {self.message}{quote}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Survives the way to another process."""
        return type(self), (self.code, self.message), self.__dict__

    @classmethod
    def of(cls, error: grpc.RpcError) -> "KeywayError":
        """What any error of gRPC's tells, of the sync API and of asyncio's."""
        call: Any = error
        trailers = call.trailing_metadata() if hasattr(call, "trailing_metadata") else None
        code, message = (call.code(), call.details()) if hasattr(call, "code") else (grpc.StatusCode.UNKNOWN, "")
        made = cls(code, message or "", request_id=_text(trailers, REQUEST_ID), receipt=_text(trailers, RECEIPT))
        made._take(_status(trailers))
        return made

    @classmethod
    def of_status(cls, status: Status) -> "KeywayError":
        """What a status tells that stands in a response, as of one item of a batch."""
        made = cls(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
        made._take(status)
        return made

    def _take(self, status: Status) -> None:
        info, request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        for packed in status.details:
            # A proxy on the way may have reasons of its own.
            if packed.Unpack(info) and info.domain == _DOMAIN:
                self.reason, self.metadata = info.reason, dict(info.metadata)
            elif packed.Unpack(request):
                found = ((violation.field, violation.description) for violation in request.field_violations)
                self.violations = tuple(Violation(*violation) for violation in found)
            elif packed.Unpack(retry):
                self.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()


class Trailed(Protocol):
    """A finished call, as `with_call` gives one."""

    def trailing_metadata(self) -> Any:
        """Its trailers."""


def request_id(call: Trailed) -> str:
    """The id that the gateway gave a call: `response, call = client.keys.Encrypt.with_call(request)`."""
    return _text(call.trailing_metadata(), REQUEST_ID)


def receipt(call: Trailed) -> str:
    """The receipt of the call's record in the gateway's journal; empty where it keeps none."""
    return _text(call.trailing_metadata(), RECEIPT)


Trailers = Iterable[tuple[str, str | bytes]] | None


def _values(trailers: Trailers, key: str) -> Iterable[str | bytes]:
    return (value for name, value in trailers or () if name == key)


def _text(trailers: Trailers, key: str) -> str:
    value = next(iter(_values(trailers, key)), "")
    return value if isinstance(value, str) else value.decode(errors="replace")


def _status(trailers: Trailers) -> Status:
    """An empty one where there is none, or none that can be read."""
    value = next(iter(_values(trailers, _DETAILS)), b"")
    try:
        return Status.FromString(value if isinstance(value, bytes) else value.encode())
    except DecodeError:
        return Status()
