"""Status tables: the gRPC status and reason for each vendor error code and each HTTP failure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from google.rpc import code_pb2

from gateway.errors import MALFORMED_PROVIDER_RESPONSE, ErrorKind
from gateway.known_messages import KnownMessages
from gateway.upstream import outcomes


def requested_resource(name: str) -> str:
    """Return the name in the request: the value of `at_fault` for a failure that is about the requested resource."""
    return name


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of a status table.

    upstream_code: the vendor's code; in a shared row, a description of the HTTP failure such as `HTTP 503`.
    meaning: what the code means, in English. Callers read it in error messages.
    scope: the calls that the row applies to; empty for all calls. A row with the scope of the call takes precedence.
    at_fault: returns the name of the resource that `ResourceInfo` reports, given the name in the request, such as
    `requested_resource`. Rows with the code NOT_FOUND report the requested resource by default, other rows report none.
    messages: the vendor's documented messages for the code, the only ones that are recorded; `{}` stands for a number.
    shared: whether the row is about HTTP rather than a vendor code.
    """

    upstream_code: str
    meaning: str
    kind: ErrorKind
    scope: str = ""
    at_fault: Callable[[str], str] | None = None
    messages: tuple[str, ...] = ()
    shared: bool = False

    def resource_at_fault(self, requested: str) -> str | None:
        """Return the name for `ResourceInfo`; None if the failure is not about a resource."""
        if self.at_fault is not None:
            return self.at_fault(requested)
        return requested if self.kind.code == code_pb2.NOT_FOUND else None


def _shared(upstream_code: str, meaning: str, kind: ErrorKind) -> StatusRow:
    return StatusRow(upstream_code, meaning, kind, shared=True)


_BY_HTTP_STATUS: Final = {
    401: _shared("HTTP 401", "the upstream rejected the gateway's credentials", outcomes.CREDENTIALS_REJECTED),
    403: _shared("HTTP 403", "the upstream rejected the gateway's credentials", outcomes.CREDENTIALS_REJECTED),
    404: _shared("HTTP 404", "no API exists at this address", outcomes.API_NOT_FOUND),
    429: _shared("HTTP 429", "the gateway exceeded the upstream's rate limit", outcomes.RATE_LIMITED),
    502: _shared("HTTP 502", "a proxy received no valid response from the service", outcomes.UNAVAILABLE),
    503: _shared("HTTP 503", "the service is unavailable", outcomes.UNAVAILABLE),
    504: _shared("HTTP 504", "a proxy received no response from the service in time", outcomes.UNAVAILABLE),
}
_SERVER_ERROR: Final = _shared("HTTP 5xx", "the service failed", outcomes.INTERNAL)
_CLIENT_ERROR: Final = _shared("HTTP 4xx", "the service rejected the request", outcomes.UNRECOGNIZED)
_UNKNOWN_CODE: Final = _shared(
    "unknown code", "the error code is not in this table, and the HTTP status is inconclusive", outcomes.UNRECOGNIZED
)

HTTP_ROWS: Final = (
    _shared(
        "no connection",
        "the connection was refused or timed out, or the host name does not resolve",
        outcomes.UNREACHABLE,
    ),
    _shared("busy", "the gateway's limit of concurrent requests to this provider is reached", outcomes.BUSY),
    _shared(
        "circuit breaker open",
        "too many requests to this provider failed; the gateway sends none for a while",
        outcomes.CIRCUIT_OPEN,
    ),
    _shared("connection lost", "the connection broke after the request was sent", outcomes.CONNECTION_LOST),
    _shared("TLS failure", "the TLS handshake failed, or the certificate is not trusted", outcomes.TLS_FAILED),
    _shared("timeout", "the caller's deadline or the provider's own timeout expired", outcomes.TIMEOUT),
    *_BY_HTTP_STATUS.values(),
    _SERVER_ERROR,
    _CLIENT_ERROR,
    _shared(
        "malformed response",
        "a successful response is truncated, has the wrong format, is too long, or is a redirect",
        MALFORMED_PROVIDER_RESPONSE,
    ),
    _UNKNOWN_CODE,
)
"""The rows that every provider has."""


_HTTP_PHRASES: Final = tuple(status.phrase for status in HTTPStatus if status >= 400)
"""Messages that any server can send."""


class StatusTable:
    """The status table of one upstream. `rows` are the vendor's; the table appends the shared HTTP rows.

    known_messages: the messages of all rows, and the standard phrases of HTTP.
    """

    def __init__(self, rows: Sequence[StatusRow]) -> None:
        self.rows: Final = (*rows, *HTTP_ROWS)
        self.known_messages: Final = KnownMessages([*(text for row in rows for text in row.messages), *_HTTP_PHRASES])
        self._by_code = {(row.upstream_code, row.scope): row for row in rows}

    def resolve(self, code: str | None, http_status: int, scope: str = "") -> StatusRow:
        """Return the row for a failed call.

        code: see `Envelope.code`. A known code takes precedence over the HTTP status.
        """
        row = self._by_code.get((code or "", scope)) or self._by_code.get((code or "", ""))
        if row is not None:
            return row
        if http_status == 404 and code is not None:
            return _UNKNOWN_CODE  # the API itself responded, so it does exist at this address
        return _http_row(http_status)


def _http_row(status: int) -> StatusRow:
    if status in _BY_HTTP_STATUS:
        return _BY_HTTP_STATUS[status]
    if 500 <= status <= 599:
        return _SERVER_ERROR
    return _CLIENT_ERROR if 400 <= status <= 499 else _UNKNOWN_CODE
