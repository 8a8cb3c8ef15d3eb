"""From what goes wrong in an exchange to the error that callers of the HTTP client see, in the same words always."""

import ssl
from collections.abc import Mapping
from typing import Final

from gateway.errors import ErrorKind, MalformedResponse, UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.messages import retry_after

IN_CONNECTING: Final = "could not be reached in time"
UNPACKING: Final = "its answer was cut off or can't be unpacked"
REDIRECT: Final = "it answered with a redirect, which is not followed"
NOT_HTTP: Final = "its answer is not valid HTTP"


class Faults:
    """Makes the errors of one provider."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def error(
        self, outcome: ErrorKind, what: str, status: int | None = None, wait: float | None = None
    ) -> UpstreamError:
        """`what`: the sentence's end, with the provider as its subject. wait: seconds that the caller should."""
        message = f"provider {self._provider} {what}"
        return UpstreamError(outcome, message, provider=self._provider, http_status=status, retry_after=wait)

    def malformed(self, fault: str, status: int | None = None) -> MalformedResponse:
        """An answer that can't be taken."""
        return MalformedResponse(f"provider {self._provider}: {fault}", provider=self._provider, http_status=status)

    def unreachable(self) -> UpstreamError:
        """No connection: refused, no such name, no route, or broken off before anything was sent."""
        return self.error(outcomes.UNREACHABLE, "could not be reached")

    def not_reached_in_time(self) -> UpstreamError:
        """No connection within the limit for it."""
        return self.error(outcomes.UNREACHABLE, IN_CONNECTING)

    def tls(self) -> UpstreamError:
        """TLS itself failed."""
        return self.error(outcomes.TLS_FAILED, "failed the TLS handshake or its certificate was not accepted")

    def lost(self) -> UpstreamError:
        """The connection ended before an answer began."""
        return self.error(outcomes.CONNECTION_LOST, "closed the connection before it answered")

    def late(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> UpstreamError:
        """Time ran out. status, headers: of an answer whose body was not complete."""
        wait = retry_after(headers) if headers is not None else None
        return self.error(outcomes.TIMEOUT, "did not answer in time", status, wait)

    def cut_off(self, status: int, headers: Mapping[str, str]) -> UpstreamError:
        """An answer began whose body did not come to its end, or can't be read."""
        if status <= 299:
            return self.malformed(UNPACKING, status)
        outcome = outcomes.for_http_status(status)
        return self.error(outcome, f"failed with HTTP {status}", status, retry_after(headers))

    def too_long(self, limit: int, status: int) -> MalformedResponse:
        """A body beyond what the request allows."""
        return self.malformed(f"its answer is longer than {limit} bytes", status)


def is_redirect(status: int) -> bool:
    """Whether an answer is neither success nor failure, and can't be taken."""
    return not 200 <= status <= 299 and status < 400


def is_tls_failure(error: BaseException | None) -> bool:
    """Whether TLS itself failed. With TLS 1.3 a refused client certificate shows only once the request is sent.

    A peer that hangs up within TLS is a lost connection like any other.
    """
    innermost: ssl.SSLError | None = None
    while error is not None:
        innermost = error if isinstance(error, ssl.SSLError) else innermost
        error = error.__cause__
    hung_up = isinstance(innermost, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    return innermost is not None and not hung_up
