"""The error kinds of an HTTP exchange whose response has no known vendor code, shared by all upstreams."""

from collections.abc import Mapping
from typing import Final

from google.rpc import code_pb2

from gateway.errors import ErrorKind
from keyway.v1 import error_reason_pb2 as reasons

UNREACHABLE: Final = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNREACHABLE, retryable=True)
CONNECTION_LOST: Final = ErrorKind(
    code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_CONNECTION_LOST, retryable_if_idempotent=True
)
BUSY: Final = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_BUSY, retryable=True)
CIRCUIT_OPEN: Final = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_CIRCUIT_OPEN, retryable=True)
TLS_FAILED: Final = ErrorKind(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PROVIDER_TLS_FAILED)
TIMEOUT: Final = ErrorKind(code_pb2.DEADLINE_EXCEEDED, reasons.ERROR_REASON_PROVIDER_TIMEOUT)
RATE_LIMITED: Final = ErrorKind(code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_PROVIDER_RATE_LIMITED, retryable=True)
CREDENTIALS_REJECTED: Final = ErrorKind(
    code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED
)
API_NOT_FOUND: Final = ErrorKind(code_pb2.UNIMPLEMENTED, reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND)
UNAVAILABLE: Final = ErrorKind(
    code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNAVAILABLE, retryable_if_idempotent=True
)
INTERNAL: Final = ErrorKind(code_pb2.INTERNAL, reasons.ERROR_REASON_PROVIDER_INTERNAL)
UNRECOGNIZED: Final = ErrorKind(code_pb2.UNKNOWN, reasons.ERROR_REASON_UNRECOGNIZED_PROVIDER_ERROR)

BY_HTTP_STATUS: Final[Mapping[int, ErrorKind]] = {
    401: CREDENTIALS_REJECTED,
    403: CREDENTIALS_REJECTED,
    404: API_NOT_FOUND,
    429: RATE_LIMITED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}


def for_http_status(status: int) -> ErrorKind:
    """Return the error kind of a failed response without a known vendor code."""
    known = BY_HTTP_STATUS.get(status)
    if known is not None:
        return known
    return INTERNAL if 500 <= status <= 599 else UNRECOGNIZED
