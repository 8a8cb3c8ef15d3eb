"""The HTTP client of one provider: bounded, verified, patient within limits, without memory of what was said.

Responsible for whether and when a request is sent: a place for it, the breaker, the deadline, repeats; and for what is
told of each attempt. A transport carries it, and names what went wrong; what an answer means is the adapter's business.
"""

import asyncio
import time
from typing import Final

from gateway.call_context import Attempt, CallContext
from gateway.errors import ErrorKind, UpstreamError
from gateway.telemetry.conventions import CANCELLED, reason_of
from gateway.telemetry.peer import Peer
from gateway.upstream import outcomes
from gateway.upstream.aiohttp_transport import AiohttpTransport
from gateway.upstream.breaker import Breaker
from gateway.upstream.bulkhead import Bulkhead, Dismissed, QueueFull
from gateway.upstream.faults import Faults
from gateway.upstream.http1.transport import LeanTransport
from gateway.upstream.messages import HttpRequest, HttpResponse
from gateway.upstream.retries import Retries
from gateway.upstream.settings import HttpSettings
from gateway.upstream.state import UpstreamState
from gateway.upstream.transport import Transport

__all__ = ["HttpClient", "HttpRequest", "HttpResponse", "HttpSettings"]

_FAILURES: Final = frozenset({outcomes.UNREACHABLE, outcomes.CONNECTION_LOST, outcomes.UNAVAILABLE, outcomes.INTERNAL})
"""The outcomes that speak of an upstream in trouble. A timeout does too, where it had time enough."""


class HttpClient:
    """Sends requests to one provider. `start` and `close` belong to the running event loop."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        self._provider = provider
        self._settings = settings
        self._faults = Faults(provider)
        self._peer = Peer.of(provider, settings.endpoint)
        self._bulkhead = Bulkhead(settings.maximum_connections, settings.queue.size)
        self._breaker = Breaker(settings.breaker, on_open=self._bulkhead.dismiss)
        self._retries = Retries(settings.retry)
        self._queue_seconds = settings.connect_timeout if settings.queue.timeout is None else settings.queue.timeout
        lean = settings.transport == "lean" and settings.proxy is None
        self._transport: Transport = (LeanTransport if lean else AiohttpTransport)(provider, settings)

    @property
    def state(self) -> UpstreamState:
        """As of now."""
        return UpstreamState(
            self._breaker.state,
            self._breaker.wait(),
            self._bulkhead.taken,
            self._bulkhead.queued,
            self._retries.made,
            self._retries.saved,
        )

    async def start(self) -> None:
        """Make ready, unless it is; no connection is made yet."""
        await self._transport.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def send(self, request: HttpRequest, call: CallContext) -> HttpResponse:
        """The complete answer to a request, under the call's deadline; UpstreamError where there is none.

        It is repeated where its failure and the call's method say that this is safe: what is returned or raised is the
        end of the last attempt.
        """
        attempt = 1
        while True:
            try:
                response = await self._exchange(request, call)
            except UpstreamError as error:
                pause = self._retries.pause(call, attempt, error.kind, error.retry_after)
                if pause is None or not await self._may_again(pause):
                    raise
            else:
                trouble = _trouble(response) if response.status >= 429 else None
                if trouble is None:
                    return response
                pause = self._retries.pause(call, attempt, trouble, response.retry_after)
                if pause is None or not await self._may_again(pause):
                    return response
            attempt += 1

    async def _may_again(self, pause: float) -> bool:
        """Wait; whether the breaker lets another attempt through then. What comes to nothing costs no budget."""
        again = False
        try:
            if self._breaker.wait() <= pause:
                await asyncio.sleep(pause)
                again = self._breaker.wait() <= 0
        finally:
            self._retries.paused(again=again)
        return again

    async def _exchange(self, request: HttpRequest, call: CallContext) -> HttpResponse:
        """One attempt, once there is a place for it and the breaker allows it."""
        if not self._bulkhead.enter():
            await self._wait(call)
        try:
            seconds = min(self._settings.timeout, call.remaining())
            if seconds <= 0:
                raise self._faults.error(outcomes.TIMEOUT, "was not asked: the deadline had passed")
            permit = self._breaker.enter(forced=call.probe)
            if permit is None:
                raise self._open()
            return await self._attempt(request, call, seconds, permit)
        finally:
            self._bulkhead.leave()

    async def _wait(self, call: CallContext) -> None:
        """Wait for a place, unless the breaker is open."""
        if not call.probe and self._breaker.wait() > 0:
            raise self._open()
        remaining = call.remaining()
        try:
            await self._bulkhead.wait(call.request_id, min(self._queue_seconds, remaining))
        except QueueFull as error:
            raise self._faults.error(outcomes.BUSY, "was not asked: too many calls wait for it") from error
        except Dismissed as error:
            raise self._open() from error
        except TimeoutError as error:
            outcome = outcomes.BUSY if self._queue_seconds < remaining else outcomes.TIMEOUT
            raise self._faults.error(outcome, "was not asked: all its connections are in use") from error

    def _open(self) -> UpstreamError:
        what = "was not asked: it failed too often of late"
        return self._faults.error(outcomes.CIRCUIT_OPEN, what, wait=self._breaker.wait())

    async def _attempt(self, request: HttpRequest, call: CallContext, seconds: float, permit: int) -> HttpResponse:
        """One exchange, and all that is to be told of it: to the record, to telemetry, and to the breaker."""
        started = time.monotonic()
        status: int | None = None
        failure: str | None = CANCELLED
        outcome: ErrorKind | None = outcomes.TIMEOUT  # a caller that leaves can't be told from one whose time is up
        span = None
        if call.trace is not None:
            shown = request.shown(request.target) if request.shown is not None and call.trace.recorded else None
            span = call.trace.attempt(self._peer, request.method, shown, len(call.attempts) + 1)
        try:
            response = await self._transport.exchange(request, span.traceparent if span is not None else None, seconds)
            status, failure = response.status, None
            outcome = None if status < 429 else _trouble(response)
            return response
        except UpstreamError as error:
            status, failure, outcome = error.http_status, reason_of(error), error.kind
            raise
        finally:
            elapsed = time.monotonic() - started
            call.attempts.append(Attempt(self._provider, request.method, status, elapsed))
            if span is not None:
                span.end(status, failure)
            if call.metrics is not None:
                call.metrics.attempt_ended(self._peer, request.method, status, elapsed, failure)
            self._learn(permit, outcome, elapsed)

    def _learn(self, permit: int, outcome: ErrorKind | None, seconds: float) -> None:
        """What the end of an attempt says about the upstream."""
        if outcome is None:
            self._retries.earn()
            self._breaker.succeeded(permit)
        elif outcome is outcomes.TIMEOUT:
            patient = seconds >= min(self._settings.breaker.patience, self._settings.timeout) - 0.01
            (self._breaker.failed if patient else self._breaker.gave_up)(permit)
        elif outcome in _FAILURES:
            self._breaker.failed(permit)
        else:
            self._breaker.succeeded(permit)


def _trouble(response: HttpResponse) -> ErrorKind | None:
    """What an answer says about the upstream by its status alone; None where it is the application that speaks.

    A vendor's own refusals may come with any status: a 500 with an envelope is one, a 500 without is a server in
    trouble.
    """
    outcome = outcomes.BY_HTTP_STATUS.get(response.status)
    if outcome is outcomes.UNAVAILABLE or outcome is outcomes.RATE_LIMITED:
        return outcome
    if response.status < 500 or response.media_type.endswith(("json", "xml")):
        return None
    return outcomes.INTERNAL
