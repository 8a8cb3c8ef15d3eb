"""The thread that exports metrics."""

import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from gateway.telemetry.export import MetricPush

NOTHING = MetricsData([])


class Exporter(MetricExporter):
    """Keeps the exported data. The first export fails as gRPC does on a closed channel."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[MetricsData] = []
        self.exports = threading.Semaphore(0)
        self.ended = False

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **_: Any) -> MetricExportResult:
        self.given.append(metrics_data)
        self.exports.release()
        if len(self.given) == 1:
            raise ValueError("Cannot invoke RPC on closed channel!")
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
        self.ended = True


@pytest.mark.parametrize("pushes", [1, 3])
def test_metrics_are_sent_at_every_interval_and_at_the_end(pushes: int) -> None:
    exporter = Exporter()
    push = MetricPush(exporter, 0.01 if pushes > 1 else 60.0, lambda: NOTHING)
    for _ in range(pushes if pushes > 1 else 0):
        assert exporter.exports.acquire(timeout=10)
    before = len(exporter.given)
    push.shutdown()
    assert exporter.ended
    assert len(exporter.given) > before
    assert exporter.given[0] is NOTHING
