"""What an HTTP exchange without a known vendor code means: the table that all upstreams share."""

from collections.abc import Mapping
from typing import Final

from google.rpc import code_pb2

from gateway.errors import Outcome
from keyway.v1 import error_reason_pb2 as reasons

UNREACHABLE: Final = Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNREACHABLE, retryable=True)
CONNECTION_LOST: Final = Outcome(
    code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_CONNECTION_LOST, repeatable=True
)
TLS_FAILED: Final = Outcome(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PROVIDER_TLS_FAILED)
TIMEOUT: Final = Outcome(code_pb2.DEADLINE_EXCEEDED, reasons.ERROR_REASON_PROVIDER_TIMEOUT)
RATE_LIMITED: Final = Outcome(
    code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_PROVIDER_RATE_LIMITED, retryable=True
)
CREDENTIALS_REJECTED: Final = Outcome(
    code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED
)
API_NOT_FOUND: Final = Outcome(code_pb2.UNIMPLEMENTED, reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND)
UNAVAILABLE: Final = Outcome(
    code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNAVAILABLE, repeatable=True
)
INTERNAL: Final = Outcome(code_pb2.INTERNAL, reasons.ERROR_REASON_PROVIDER_INTERNAL)
UNRECOGNIZED: Final = Outcome(code_pb2.UNKNOWN, reasons.ERROR_REASON_UNRECOGNIZED_PROVIDER_ERROR)

BY_HTTP_STATUS: Final[Mapping[int, Outcome]] = {
    401: CREDENTIALS_REJECTED,
    403: CREDENTIALS_REJECTED,
    404: API_NOT_FOUND,
    429: RATE_LIMITED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}


def for_http_status(status: int) -> Outcome:
    """The outcome of a failure that carries no known vendor code."""
    known = BY_HTTP_STATUS.get(status)
    if known is not None:
        return known
    return INTERNAL if 500 <= status <= 599 else UNRECOGNIZED
