"""Passes the trace context of the current span on, where OpenTelemetry is installed; else nothing."""

from collections.abc import Callable, Collection

Pairs = list[tuple[str, str | bytes]]


def _nothing() -> dict[str, str]:
    return {}


def _finder() -> Callable[[], dict[str, str]]:
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
    except ImportError:
        return _nothing
    propagator = TraceContextTextMapPropagator()

    def found() -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        return carrier

    return found


_found = _finder()


def trace_context(metadata: Collection[tuple[str, str | bytes]]) -> Pairs:
    """`traceparent` and `tracestate` to send; none where the caller's own metadata have them already."""
    if any(key == "traceparent" for key, _ in metadata):
        return []
    return list(_found().items())
