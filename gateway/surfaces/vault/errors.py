"""Errors in the form of Vault: an HTTP status and texts."""

from collections.abc import Mapping
from typing import Final

from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway.errors import GatewayError, reason_name
from gateway.server.status import retry_delay

_STATUSES: Final[Mapping[int, int]] = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.ALREADY_EXISTS: 400,
    code_pb2.UNAUTHENTICATED: 403,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.UNIMPLEMENTED: 405,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.ABORTED: 503,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 503,
}
"""The HTTP status for each gRPC status; 500 for the others."""
_DENIED: Final = "permission denied"
"""The text that programs recognize."""


class VaultError(Exception):
    """A failed request. status: of HTTP. text: for the caller. retry_after: in seconds, if a retry can succeed."""

    def __init__(self, status: int, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_after = retry_after


def of_gateway(error: GatewayError) -> VaultError:
    """Return the failure for an error of a call."""
    text = _text(error.kind.code, error.message, reason_name(error.kind.reason))
    return VaultError(http_status(error.kind.code), text, retry_after=retry_delay(error, idempotent=True))


def of_item(error: status_pb2.Status) -> VaultError:
    """Return the failure for the error of an item of a batch."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    reasons = [info.reason for detail in error.details if detail.Unpack(info)]
    delays = [retry.retry_delay.ToTimedelta().total_seconds() for detail in error.details if detail.Unpack(retry)]
    text = _text(error.code, error.message, next(iter(reasons), ""))
    return VaultError(http_status(error.code), text, retry_after=next(iter(delays), None))


def http_status(code: int) -> int:
    """Return the HTTP status for a gRPC status."""
    return _STATUSES.get(code, 500)


def _text(code: int, message: str, reason: str) -> str:
    text = f"{message} ({reason})" if reason else message
    return f"{_DENIED}: {text}" if http_status(code) == 403 else text
