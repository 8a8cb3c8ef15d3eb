"""The error kinds of an HTTP exchange whose response has no known vendor code, shared by all upstreams."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from google.rpc import code_pb2

from gateway.errors import MALFORMED_PROVIDER_RESPONSE, ErrorKind
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


class HttpRow(NamedTuple):
    """One row of the shared table in words: what is seen of the exchange, what it means, and its outcome."""

    answer: str
    meaning: str
    outcome: ErrorKind


HTTP_ROWS: Final = (
    HttpRow("no connection", "refused or not made in time, or the name does not resolve", UNREACHABLE),
    HttpRow("not asked", "as many calls to this provider are running as the gateway allows", BUSY),
    HttpRow("left alone", "so many requests to this provider failed that it is not asked for a while", CIRCUIT_OPEN),
    HttpRow("connection lost", "the connection broke after the request was sent", CONNECTION_LOST),
    HttpRow("TLS failure", "the handshake failed, or the certificate was not accepted", TLS_FAILED),
    HttpRow("no answer in time", "the caller's deadline or the provider's own limit passed", TIMEOUT),
    HttpRow("HTTP 401", "the gateway's credentials were refused", CREDENTIALS_REJECTED),
    HttpRow("HTTP 403", "the gateway's credentials were refused", CREDENTIALS_REJECTED),
    HttpRow("HTTP 404", "there is no API at this address", API_NOT_FOUND),
    HttpRow("HTTP 429", "the gateway asks too often", RATE_LIMITED),
    HttpRow("HTTP 502", "a proxy got no usable answer from the service", UNAVAILABLE),
    HttpRow("HTTP 503", "the service is not available", UNAVAILABLE),
    HttpRow("HTTP 504", "a proxy got no answer from the service in time", UNAVAILABLE),
    HttpRow("HTTP 5xx", "the service failed; any other status from 500 on", INTERNAL),
    HttpRow("HTTP 4xx", "the service refused the request; any other status from 400 on", UNRECOGNIZED),
    HttpRow("unreadable success", "an answer cut off, misshapen, too long, or a redirect", MALFORMED_PROVIDER_RESPONSE),
    HttpRow("unknown code", "a failure that is not in this table, where the HTTP status says nothing", UNRECOGNIZED),
)
"""The whole shared table, to be shown after a vendor's own rows."""
