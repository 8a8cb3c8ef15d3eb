"""The errors of the HTTP client: one message and kind per failure of an exchange, whichever transport reports it."""

import ssl
import time
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.errors import ErrorKind, MalformedResponse, UpstreamError
from gateway.tls_verification import explanation, verification_rule
from gateway.upstream import outcomes
from gateway.upstream.messages import retry_after

CONNECT_TIMEOUT: Final = "could not be reached before the connect timeout"
TRUNCATED: Final = "the response is truncated or cannot be decoded"
REDIRECT: Final = "the response is a redirect, which the gateway does not follow"
NOT_HTTP: Final = "the response is not valid HTTP"

_SECONDS_BETWEEN_LOG_LINES: Final = 60.0

_log = structlog.get_logger(__name__)


class ResponseTooLong(MalformedResponse):
    """A response longer than maximum_response_bytes. It was not read to its end."""


class StaleConnection(UpstreamError):
    """A reused connection closed before a response began. Usually, the server closed it while it was idle."""


class Faults:
    """Creates the errors of one provider."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._tls_log = _TlsLog(provider)

    def error(self, kind: ErrorKind, what: str, status: int | None = None, wait: float | None = None) -> UpstreamError:
        """Return an error. what: the predicate of the message. wait: seconds before the caller should retry."""
        message = f"provider {self._provider} {what}"
        return UpstreamError(kind, message, provider=self._provider, http_status=status, retry_after=wait)

    def malformed(self, fault: str, status: int | None = None) -> MalformedResponse:
        """Return the error for a response that cannot be used."""
        return MalformedResponse(f"provider {self._provider}: {fault}", provider=self._provider, http_status=status)

    def unreachable(self) -> UpstreamError:
        """Return the error for a connection that failed: refused, unknown name, no route, or closed before sending."""
        return self.error(outcomes.UNREACHABLE, "could not be reached")

    def not_reached_in_time(self) -> UpstreamError:
        """Return the error for a connect timeout."""
        return self.error(outcomes.UNREACHABLE, CONNECT_TIMEOUT)

    def tls(self, error: BaseException | None) -> UpstreamError:
        """Log a failed TLS handshake, and return its error. error: the exception that reports it."""
        rule = verification_rule(error)
        self._tls_log.report(explanation(error) or "the TLS handshake failed")
        reason = "the TLS handshake failed" if rule is None else f"its certificate was rejected ({rule})"
        return self.error(outcomes.TLS_FAILED, f"could not be verified: {reason}")

    def connection_lost(self) -> UpstreamError:
        """Return the error for a connection that closed before a response began."""
        return self.error(outcomes.CONNECTION_LOST, "closed the connection before it responded")

    def stale_connection(self) -> StaleConnection:
        """Return the error for a reused connection that closed before a response began."""
        lost = self.connection_lost()
        return StaleConnection(lost.kind, lost.message, provider=self._provider)

    def timed_out(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> UpstreamError:
        """Return the error for a timeout. status, headers: of a response whose body did not arrive completely."""
        wait = retry_after(headers) if headers is not None else None
        return self.error(outcomes.TIMEOUT, "did not respond in time", status, wait)

    def truncated(self, status: int, headers: Mapping[str, str]) -> UpstreamError:
        """Return the error for a response whose body is incomplete or cannot be decoded."""
        if status <= 299:
            return self.malformed(TRUNCATED, status)
        kind = outcomes.for_http_status(status)
        return self.error(kind, f"failed with HTTP {status}", status, retry_after(headers))

    def too_long(self, limit: int, status: int) -> ResponseTooLong:
        """Return the error for a body that is longer than maximum_response_bytes."""
        message = f"provider {self._provider}: the response is longer than {limit} bytes (maximum_response_bytes)"
        return ResponseTooLong(message, provider=self._provider, http_status=status)


class _TlsLog:
    """Logs TLS failures of a provider: each new one at once, and a repeated one at most once per interval."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._last = ""
        self._next_line_at = 0.0

    def report(self, fault: str) -> None:
        now = time.monotonic()
        if fault == self._last and now < self._next_line_at:
            return
        self._last, self._next_line_at = fault, now + _SECONDS_BETWEEN_LOG_LINES
        _log.warning("provider_tls_failed", provider=self._provider, error=fault)


def is_redirect(status: int) -> bool:
    """Return whether the status is neither a success nor a failure."""
    return not 200 <= status <= 299 and status < 400


def is_tls_failure(error: BaseException | None) -> bool:
    """Return whether TLS failed. A peer that closes the connection during TLS is a lost connection.

    With TLS 1.3, a rejected client certificate is reported only after the request was sent.
    """
    innermost: ssl.SSLError | None = None
    while error is not None:
        innermost = error if isinstance(error, ssl.SSLError) else innermost
        error = error.__cause__
    closed = isinstance(innermost, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    return innermost is not None and not closed
