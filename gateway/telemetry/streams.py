"""The metrics of streams: deliveries, their lag, and the events that slow readers have not received one by one."""

from collections.abc import Callable
from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions import streams
from gateway.telemetry.instruments import Attributes, Counter, Histogram, Point
from gateway.telemetry.metrics import Metrics

_LAG_BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0)


class StreamMetrics:
    """Counts deliveries. open_streams: returns the number of open streams. metrics: exports the values, if given."""

    def __init__(self, open_streams: Callable[[], int], metrics: Metrics | None) -> None:
        self._lag: Histogram[str] = Histogram(streams.LAG, _LAG_BOUNDS, _method)
        self._deliveries: Counter[tuple[str, str]] = Counter(streams.DELIVERIES, _delivery)
        self._coalesced: Counter[str] = Counter(streams.COALESCED, _method)
        if metrics is not None:
            metrics.register(streams.OPEN, lambda: [Point({}, open_streams())])
            for instrument in (self._lag, self._deliveries, self._coalesced):
                metrics.include(instrument)

    def delivered(self, method: str, kind: str, seconds: float, coalesced: int) -> None:
        """Record an event that was sent. seconds: since it occurred. coalesced: the number of events it replaces."""
        self._deliveries.add((method, kind))
        self._lag.record(method, seconds)
        for _ in range(coalesced):
            self._coalesced.add(method)


def _method(method: str) -> Attributes:
    return {names.RPC_METHOD: method}


def _delivery(key: tuple[str, str]) -> Attributes:
    return {names.RPC_METHOD: key[0], names.KEYWAY_EVENT: key[1]}
