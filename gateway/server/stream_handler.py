"""The gRPC handler of a method with a stream of responses.

The opening passes the same interceptors as any call. Then each event is a call of its own: policy decides about it, and
the audit journal has a record of it. A stream ends with an error, after which the client opens it again.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, cast

from google.protobuf.message import Message

from gateway import log_fields
from gateway.audit.call_facts import Moment
from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.errors import SERVER_DRAINING, UNAUTHENTICATED, GatewayError
from gateway.server import status
from gateway.server.error_boundary import internal_error, within_boundary
from gateway.server.interceptors.chain import DELIVERY, chain, create_interceptors
from gateway.server.interceptors.interceptor import CallNext, InterceptorDependencies
from gateway.server.method_handler import Operation, abort, innermost, new_context, new_request_id
from gateway.server.open_streams import OpenStreams
from gateway.server.rpc_context import RpcContext, ServicerContext
from gateway.server.transport import stalled_peers
from gateway.telemetry.streams import StreamMetrics

_AGE_JITTER: Final = 0.1
"""The share of the maximum age by which the age of a stream differs, so that not all streams end at once."""


class StreamEvent(NamedTuple):
    """One message of a stream. delivery: what is recorded about it, and authorized; None for a message without data.

    since: when the event occurred, in seconds of `time.monotonic()`. coalesced: the events that it replaces.
    """

    response: Message
    delivery: Message | None
    kind: str
    since: float
    coalesced: int = 0


class EventStream(Protocol):
    """The events of an open stream. If policy denies one of them, the stream ends."""

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Yield the events."""

    def close(self) -> None:
        """End the iteration."""


OpenStream = Callable[[Message, CallContext], Awaitable[EventStream]]
"""Takes the validated request. Returns the stream, or raises GatewayError."""

StreamHandler = Callable[[object, ServicerContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The limits of streams, in seconds. writing: the time in which a reader must take an event."""

    opening: float
    age: float
    streams: OpenStreams
    metrics: StreamMetrics
    writing: float = stalled_peers.WRITE_SECONDS


def stream_handler(
    method: Method,
    delivery: Method,
    open_stream: OpenStream,
    limits: StreamLimits,
    dependencies: InterceptorDependencies,
) -> StreamHandler:
    """Return the gRPC handler. delivery: the method that stands for one event."""
    opening = chain(create_interceptors(dependencies), _opening(method, open_stream))
    deliver = chain(create_interceptors(dependencies, DELIVERY), innermost(delivery, _writing(limits.writing)))
    stream_of = _Deliveries(delivery, deliver, limits, dependencies)

    async def handle(_messages: object, transport: ServicerContext) -> None:
        call = new_context(method, transport, limits.opening, dependencies.redaction)
        log_fields.CURRENT.set(call)
        try:
            await opening(call)
            await stream_of.run(call)
        except GatewayError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - a bug; cancellation is not an Exception
            failure = internal_error(error, call)
        finally:
            if call.stream is not None:
                cast("EventStream", call.stream).close()
        await abort(failure, call)

    return handle


def _opening(method: Method, open_stream: OpenStream) -> CallNext:
    response_type = method.response

    async def run(call: RpcContext) -> Message:
        assert call.request is not None
        call.stream = await within_boundary(open_stream(call.request, call), call)
        return response_type()

    return run


def _writing(seconds: float) -> Operation:
    """Return the operation that sends one event. It returns when gRPC has taken the event."""

    async def run(_request: Message, context: CallContext) -> Message:
        call = cast("RpcContext", context)
        await stalled_peers.write(call.transport, call.stream, seconds)
        return call.method.response()

    return run


class _Deliveries:
    """Delivers the events of streams of one method."""

    def __init__(
        self, method: Method, deliver: CallNext, limits: StreamLimits, dependencies: InterceptorDependencies
    ) -> None:
        self._method = method
        self._deliver = deliver
        self._limits = limits
        self._metrics = limits.metrics
        self._redaction = dependencies.redaction

    async def run(self, call: RpcContext) -> None:
        """Deliver events until the stream ends. Raises GatewayError with the reason of its end."""
        stream = cast("EventStream", call.stream)
        with self._ending(call, stream) as reason:
            await call.transport.send_initial_metadata(status.trailers(call.request_id, receipt=call.receipt))
            async for event in stream:
                await self._event(call, event)
            raise reason[0] if reason else GatewayError(SERVER_DRAINING, "the stream ended")

    @contextlib.contextmanager
    def _ending(self, call: RpcContext, stream: EventStream) -> Iterator[list[GatewayError]]:
        """End the stream when it must end. Yields a list, which then contains the reason."""
        assert call.caller is not None
        reasons: list[GatewayError] = []

        def end(error: GatewayError) -> None:
            reasons.append(error)
            stream.close()

        self._limits.streams.add(call.caller, end)
        age = self._limits.age * random.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER)  # noqa: S311 - no secret
        timers = [_later(age, end, GatewayError(SERVER_DRAINING, _TOO_OLD))]
        if call.caller.expires < math.inf:
            error = GatewayError(UNAUTHENTICATED, "the credential of the caller has expired")
            timers.append(_later(call.caller.expires - time.time(), end, error))
        try:
            yield reasons
        finally:
            for timer in timers:
                timer.cancel()
            self._limits.streams.remove(end)

    async def _event(self, call: RpcContext, event: StreamEvent) -> None:
        payload = event.response.SerializeToString()
        if event.delivery is None:
            await stalled_peers.write(call.transport, payload, self._limits.writing)
            return
        await self._deliver(self._context(call, event.delivery, payload))
        self._metrics.delivered(call.method.full_name, event.kind, time.monotonic() - event.since, event.coalesced)

    def _context(self, call: RpcContext, delivery: Message, payload: bytes) -> RpcContext:
        context = RpcContext(
            new_request_id(),
            math.inf,
            self._method.idempotent,
            redaction=self._redaction,
            method=self._method,
            transport=call.transport,
            received_at=Moment.now(),
            request=delivery,
            caller=call.caller,
            stream=payload,
        )
        context.share_metadata(call)
        return context


_TOO_OLD: Final = "the stream has reached maximum_connection_age; open it again, with the last resume token"


def _later(seconds: float, end: Callable[[GatewayError], None], error: GatewayError) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(max(0.0, seconds), end, error)
