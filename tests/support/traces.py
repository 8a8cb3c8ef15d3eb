"""Tracers whose spans stay in memory."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from gateway.telemetry.calls import CallTrace
from gateway.telemetry.context import Metadata
from gateway.telemetry.peer import UpstreamPeer
from gateway.telemetry.tracing import CallTracer, ChosenTraceIds

METHOD = "keyway.v1.KeyService/Encrypt"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
SAMPLED = (("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01"),)
NOT_SAMPLED = (("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-00"),)
PEER = UpstreamPeer("warp", "warp.internal", 28080)


class Traces:
    """A tracer and its recorded spans."""

    def __init__(self, sample_ratio: float = 1.0, maximum_rate: int = 100_000) -> None:
        self._exporter = InMemorySpanExporter()
        ids = ChosenTraceIds()
        provider = TracerProvider(sampler=ALWAYS_ON, id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._tracer = CallTracer(provider, ids, sample_ratio, maximum_rate)

    def begin(self, metadata: Metadata = ()) -> CallTrace:
        """Start a call."""
        return self._tracer.begin(METHOD, metadata)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The ended spans, in the order in which they ended."""
        return self._exporter.get_finished_spans()
