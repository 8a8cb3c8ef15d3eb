"""The HTTP client of one provider: concurrency limit, circuit breaker, deadline, and retries.

Decides whether and when a request is sent, and reports each attempt to the audit record, telemetry, and the breaker. A
transport sends the request and classifies failures; the adapter interprets the response.
"""

import asyncio
import time
from dataclasses import replace
from typing import Final

from gateway.call_context import Attempt, CallContext
from gateway.errors import ErrorKind, UpstreamError, reason_name
from gateway.telemetry.conventions import CANCELLED, reason_of
from gateway.telemetry.peer import UpstreamPeer
from gateway.telemetry.upstream_requests import UpstreamRequests
from gateway.upstream import outcomes
from gateway.upstream.breaker import Breaker, BreakerState
from gateway.upstream.bulkhead import Bulkhead, Dismissed, QueueFull
from gateway.upstream.faults import Faults, StaleConnection
from gateway.upstream.http1.transport import Http1Transport
from gateway.upstream.messages import HttpRequest, HttpResponse
from gateway.upstream.retries import Retries
from gateway.upstream.settings import HttpSettings
from gateway.upstream.state import UpstreamState
from gateway.upstream.transport import Transport

__all__ = ["HttpClient", "HttpRequest", "HttpResponse", "HttpSettings"]

_FAILURES: Final = frozenset({outcomes.UNREACHABLE, outcomes.CONNECTION_LOST, outcomes.UNAVAILABLE, outcomes.INTERNAL})
"""The kinds that count as a failure of the upstream. A timeout also counts if the upstream had enough time."""
_FAULT_PREFIXES: Final = ("PROVIDER_", "MALFORMED_PROVIDER_", "UNRECOGNIZED_PROVIDER_")
"""The prefixes of reasons that blame the upstream or the access to it, not the request of a caller."""


class HttpClient:
    """Sends requests to one provider. `start` and `close` belong to the running event loop.

    transport: None for the one that the settings select. requests: the measured requests.
    """

    def __init__(self, provider: str, settings: HttpSettings, transport: Transport | None = None) -> None:
        self._provider = provider
        self._settings = settings
        self._faults = Faults(provider)
        self._peer = UpstreamPeer.of(provider, settings.endpoint)
        self.requests = UpstreamRequests(self._peer)
        self._bulkhead = Bulkhead(settings.maximum_connections, settings.queue.size)
        self._breaker = Breaker(settings.breaker, on_open=self._bulkhead.dismiss, clock=time.monotonic)
        self._retries = Retries(settings.retry)
        self._queue_seconds = settings.connect_timeout if settings.queue.timeout is None else settings.queue.timeout
        self._transport = transport or _transport(provider, settings)

    @property
    def state(self) -> UpstreamState:
        """Return a snapshot of the provider's connection health."""
        return UpstreamState(
            self._breaker.state,
            self._breaker.wait(),
            self._bulkhead.taken,
            self._bulkhead.queued,
            self._retries.made,
            self._retries.saved,
        )

    async def start(self) -> None:
        """Prepare the transport. Opens no connection."""
        await self._transport.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def send(self, request: HttpRequest, call: CallContext) -> HttpResponse:
        """Send a request and return the complete response before the deadline of the call.

        Retries the request if the failure and the method of the call make that safe. Returns the response or raises the
        UpstreamError of the last attempt.
        """
        attempt = 1
        while True:
            try:
                response = await self._exchange(request, call)
            except UpstreamError as error:
                pause = self._retries.pause(call, attempt, error.kind, error.retry_after)
                if pause is None or not await self._wait_for_retry(pause):
                    raise
            else:
                outage = _outage(response) if response.status >= 429 else None
                if outage is None:
                    return response
                pause = self._retries.pause(call, attempt, outage, response.retry_after)
                if pause is None or not await self._wait_for_retry(pause):
                    return response
            attempt += 1

    def report_failure(self, response: HttpResponse, kind: ErrorKind) -> None:
        """Record the failure that the content of a response reports, unless its HTTP status has reported one."""
        reason = reason_name(kind.reason)
        if reason.startswith(_FAULT_PREFIXES) and _outage(response) is None:
            self.requests.failed(reason)

    def recovered(self) -> None:
        """Close the circuit breaker, because a health check in another process succeeded."""
        self._breaker.close()

    async def _wait_for_retry(self, pause: float) -> bool:
        """Wait, and return whether the breaker allows another attempt. A retry that is not made costs no budget."""
        again = False
        try:
            if self._breaker.wait() <= pause:
                await asyncio.sleep(pause)
                again = self._breaker.wait() <= 0
        finally:
            self._retries.paused(again=again)
        return again

    async def _exchange(self, request: HttpRequest, call: CallContext) -> HttpResponse:
        """Make one attempt when a slot is free and the breaker allows it."""
        if not self._bulkhead.enter():
            await self._wait(call)
        try:
            seconds = min(self._settings.timeout, call.remaining())
            if seconds <= 0:
                raise self._faults.error(outcomes.TIMEOUT, "not contacted: deadline exceeded")
            permit = self._breaker.enter(forced=call.probe)
            if permit is None:
                raise self._open()
            return await self._send_once(request, call, seconds, permit)
        finally:
            self._bulkhead.leave()

    async def _wait(self, call: CallContext) -> None:
        """Wait for a slot, unless the breaker is open."""
        if not call.probe and self._breaker.wait() > 0:
            raise self._open()
        remaining = call.remaining()
        try:
            await self._bulkhead.wait(call.request_id, min(self._queue_seconds, remaining))
        except QueueFull as error:
            raise self._faults.error(outcomes.BUSY, "not contacted: queue full") from error
        except Dismissed as error:
            raise self._open() from error
        except TimeoutError as error:
            kind = outcomes.BUSY if self._queue_seconds < remaining else outcomes.TIMEOUT
            raise self._faults.error(kind, "not contacted: no connection became free in time") from error

    def _open(self) -> UpstreamError:
        what = "not contacted: circuit breaker open"
        return self._faults.error(outcomes.CIRCUIT_OPEN, what, wait=self._breaker.retry_after())

    async def _send_once(self, request: HttpRequest, call: CallContext, seconds: float, permit: int) -> HttpResponse:
        """Make one attempt over an open connection, and another over a new one if the open one turns out to be closed.

        A server can close an idle connection at any time. That says nothing about its health, so it costs no retry
        budget and does not count for the breaker. A request that is not safe to repeat always uses a new connection.
        """
        deadline = time.monotonic() + seconds
        if call.idempotent:
            try:
                return await self._attempt(request, call, seconds, permit)
            except StaleConnection:
                seconds = deadline - time.monotonic()
                if seconds <= 0:
                    raise
        return await self._attempt(request, call, seconds, permit, new_connection=True)

    async def _attempt(
        self, request: HttpRequest, call: CallContext, seconds: float, permit: int, *, new_connection: bool = False
    ) -> HttpResponse:
        """Make one exchange, and report it to the audit record, telemetry, and the breaker."""
        started = time.monotonic()
        status: int | None = None
        failure: str | None = CANCELLED
        kind: ErrorKind | None = outcomes.TIMEOUT  # a cancellation counts like an expired deadline
        stale = False
        span = None
        if call.trace is not None:
            template = request.url_template if call.trace.recorded else None
            span = call.trace.attempt(self._peer, request.method, template, len(call.attempts) + 1)
        try:
            if request.attempt_headers is not None:
                request = replace(request, headers={**request.headers, **request.attempt_headers(request)})
            traceparent = span.traceparent if span is not None else None
            response = await self._transport.exchange(request, traceparent, seconds, new_connection=new_connection)
            status, failure = response.status, None
            kind = None if status < 429 else _outage(response)
            return response
        except UpstreamError as error:
            status, failure, kind = error.http_status, reason_of(error), error.kind
            stale = isinstance(error, StaleConnection)
            raise
        finally:
            elapsed = time.monotonic() - started
            call.attempts.append(Attempt(self._provider, request.method, status, elapsed))
            if span is not None:
                span.end(status, failure)
            self.requests.ended(request.method, status, elapsed, failure)
            if stale:
                self._breaker.gave_up(permit)
            else:
                self._report_result(permit, kind, elapsed, background=call.background)
                if kind is not None:
                    self.requests.failed(failure or reason_name(kind.reason))

    def _report_result(self, permit: int, kind: ErrorKind | None, seconds: float, *, background: bool) -> None:
        """Update breaker and retry budget with the result of an attempt.

        The result of a background call counts only if it ends an outage, so that such calls cannot affect callers.
        """
        if background:
            self._report_background(permit, kind)
        elif kind is None:
            self._retries.earn()
            self._breaker.succeeded(permit)
        elif kind is outcomes.TIMEOUT:
            had_enough_time = seconds >= min(self._settings.breaker.patience, self._settings.timeout) - 0.01
            (self._breaker.failed if had_enough_time else self._breaker.gave_up)(permit)
        elif kind in _FAILURES:
            self._breaker.failed(permit)
        else:
            self._breaker.succeeded(permit)

    def _report_background(self, permit: int, kind: ErrorKind | None) -> None:
        if kind is None and self._breaker.state is not BreakerState.CLOSED:
            self._breaker.succeeded(permit)
        else:
            self._breaker.gave_up(permit)


def _transport(provider: str, settings: HttpSettings) -> Transport:
    if settings.transport == "http1" and settings.proxy is None:
        return Http1Transport(provider, settings)
    # Imported here: few configurations use aiohttp, which takes 9 MB of memory and a fifth of a second.
    from gateway.upstream.aiohttp_transport import AiohttpTransport  # noqa: PLC0415

    return AiohttpTransport(provider, settings)


def _outage(response: HttpResponse) -> ErrorKind | None:
    """Return the failure that the HTTP status reports; None for responses of the application.

    Vendors reject requests with any status: a 500 with an envelope is a response of the application, a 500 without one
    is an outage.
    """
    kind = outcomes.BY_HTTP_STATUS.get(response.status)
    if kind is outcomes.UNAVAILABLE or kind is outcomes.RATE_LIMITED:
        return kind
    if response.status < 500 or response.media_type.endswith(("json", "xml")):
        return None
    return outcomes.INTERNAL
