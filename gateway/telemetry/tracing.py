"""Spans: a server span for each sampled call, and a client span for each of its requests to an upstream.

This module decides about sampling, by the rule of the SDK, so that an unsampled call creates no objects of the SDK.
Spans contain no exceptions and no URLs, because both can contain secrets.
"""

import time
from collections.abc import Sequence
from typing import ClassVar, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    TraceState,
    set_span_in_context,
)

from gateway.telemetry import context
from gateway.telemetry import conventions as names
from gateway.telemetry.calls import AttemptTrace, CallTrace
from gateway.telemetry.context import RANDOM, SAMPLED, Metadata, RemoteSpan, traceparent
from gateway.telemetry.peer import UpstreamPeer

_LOW_64_BITS: Final = TraceIdRatioBased.TRACE_ID_LIMIT
_MAXIMUM_RESOURCES: Final = 32
_NO_PARENT: Final = Context()


class RecordedAttempt(AttemptTrace):
    """A request to an upstream, with a span."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        ids = span.get_span_context()
        super().__init__(traceparent(f"{ids.trace_id:032x}", f"{ids.span_id:016x}", ids.trace_flags))
        self._span = span

    def end(self, status: int | None, failure: str | None = None) -> None:
        """End the span. A status of 400 and above marks it as an error; the span of the call has its own status."""
        span = self._span
        if status is not None:
            span.set_attribute(names.HTTP_RESPONSE_STATUS_CODE, status)
            if failure is None and status >= 400:
                failure = str(status)
        if failure is not None:
            span.set_attribute(names.ERROR_TYPE, failure)
            span.set_status(StatusCode.ERROR)
        span.end()


class RecordedCall(CallTrace):
    """A call with a span."""

    __slots__ = ("_span", "_tracer")

    recorded: ClassVar[bool] = True

    def __init__(self, tracer: Tracer, span: Span) -> None:
        ids = span.get_span_context()
        super().__init__(f"{ids.trace_id:032x}", f"{ids.span_id:016x}", ids.trace_flags)
        self._tracer = tracer
        self._span = span

    def attempt(self, peer: UpstreamPeer, method: str, template: str | None = None, number: int = 1) -> AttemptTrace:
        """Begin a child span of the call."""
        attributes: dict[str, str | int] = {
            names.HTTP_REQUEST_METHOD: method,
            names.SERVER_ADDRESS: peer.address,
            names.SERVER_PORT: peer.port,
            names.KEYWAY_PROVIDER: peer.provider,
            names.KEYWAY_ATTEMPT: number,
        }
        name = method
        if template is not None:
            attributes[names.URL_TEMPLATE] = template
            name = f"{method} {template}"
        parent = set_span_in_context(self._span, _NO_PARENT)
        return RecordedAttempt(self._tracer.start_span(name, parent, SpanKind.CLIENT, attributes))

    def end(
        self,
        code: int,
        reason: str = "",
        *,
        request_id: str = "",
        provider: str = "",
        resources: Sequence[str] = (),
        attempts: int = 0,
        upstream_code: str | None = None,
        upstream_message: str | None = None,
    ) -> None:
        """Set the attributes of the call on its span, and end it."""
        name = names.code_name(code)
        attributes: dict[str, str | int | None] = {
            names.RPC_RESPONSE_STATUS_CODE: name,
            names.KEYWAY_ATTEMPTS: attempts,
            names.KEYWAY_REASON: reason or None,
            names.KEYWAY_REQUEST_ID: request_id or None,
            names.KEYWAY_PROVIDER: provider or None,
            names.KEYWAY_UPSTREAM_CODE: upstream_code,
            names.KEYWAY_UPSTREAM_MESSAGE: upstream_message,
        }
        span = self._span
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})
        if resources:
            span.set_attribute(names.KEYWAY_RESOURCES, tuple(resources[:_MAXIMUM_RESOURCES]))
        if code in names.SERVER_FAULTS:
            span.set_attribute(names.ERROR_TYPE, name)
            span.set_status(StatusCode.ERROR)
        span.end()


class CallTracer:
    """Begins the trace of each call: in the trace of the caller with its sampling decision, or in a new one."""

    def __init__(self, provider: TracerProvider, ids: "ChosenTraceIds", sample_ratio: float, maximum_rate: int) -> None:
        self._tracer = provider.get_tracer(names.SCOPE, schema_url=names.SCHEMA_URL)
        self._ids = ids
        self._bound = TraceIdRatioBased.get_bound_for_rate(sample_ratio)
        self._maximum_rate = maximum_rate
        self._second = 0
        self._recorded_this_second = 0

    def begin(self, method: str, metadata: Metadata) -> CallTrace:
        """Begin the trace of a call. method: its full name, such as `keyway.v1.KeyService/Encrypt`."""
        caller = context.remote(metadata)
        if caller is not None:
            if caller.flags & SAMPLED and self._may_record():
                return self._recorded(method, _child_context(caller))
            return CallTrace(caller.trace_id, context.new_span_id(), caller.flags)
        trace_id = context.new_trace_id()
        if trace_id & _LOW_64_BITS < self._bound and self._may_record():
            self._ids.trace_id = trace_id
            return self._recorded(method, _NO_PARENT)
        return CallTrace(f"{trace_id:032x}", context.new_span_id(), RANDOM)

    def _may_record(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._recorded_this_second = second, 0
        self._recorded_this_second += 1
        return self._recorded_this_second <= self._maximum_rate

    def _recorded(self, method: str, parent: Context) -> CallTrace:
        attributes = {names.RPC_SYSTEM_NAME: names.GRPC, names.RPC_METHOD: method}
        return RecordedCall(self._tracer, self._tracer.start_span(method, parent, SpanKind.SERVER, attributes))


class ChosenTraceIds(RandomIdGenerator):
    """The ID generator for the SDK. The trace ID exists before the span, because it decides about sampling."""

    trace_id = 0

    def generate_trace_id(self) -> int:
        """Return the trace ID that was chosen for the span that is being created."""
        return self.trace_id


def _child_context(caller: RemoteSpan) -> Context:
    state = TraceState.from_header([caller.state]) if caller.state else None
    ids = SpanContext(int(caller.trace_id, 16), int(caller.span_id, 16), True, TraceFlags(caller.flags), state)
    return set_span_in_context(NonRecordingSpan(ids), _NO_PARENT)
