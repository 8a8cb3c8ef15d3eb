"""Propagation of the current OpenTelemetry span to the gateway, if OpenTelemetry is installed."""

from collections.abc import Callable, Collection

Pairs = list[tuple[str, str | bytes]]


def _no_context() -> dict[str, str]:
    return {}


def _propagator() -> Callable[[], dict[str, str]]:
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
    except ImportError:
        return _no_context
    propagator = TraceContextTextMapPropagator()

    def current() -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        return carrier

    return current


_current = _propagator()


def trace_context(metadata: Collection[tuple[str, str | bytes]]) -> Pairs:
    """Return `traceparent` and `tracestate` of the current span; empty if `metadata` already has a `traceparent`."""
    if any(key == "traceparent" for key, _ in metadata):
        return []
    return list(_current().items())
