"""Metrics: names, attributes, and limits."""

import pytest
from google.rpc import code_pb2
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from gateway.telemetry import instruments
from gateway.telemetry.descriptions.audit import AUDIT_BACKLOG
from gateway.telemetry.descriptions.processes import CPU_TIME, MEMORY_USAGE
from gateway.telemetry.instruments import Counter, Description, Distribution, Histogram, Series
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.points import to_metrics_data
from gateway.telemetry.upstream_requests import UpstreamRequests
from tests.support.traces import METHOD, PEER

ABOUT = Description("things", "counter", "1", "Things.")


def series(metrics: Metrics) -> dict[str, Series]:
    return {one.about.name: one for one in metrics.read()}


def test_calls_are_counted_by_method_and_code() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.005, 0.006, 100):
        metrics.call_began()
        metrics.call_ended(METHOD, code_pb2.OK, seconds, attempts=2)
    metrics.call_began()
    metrics.call_began()
    metrics.call_ended(METHOD, code_pb2.UNAVAILABLE, 0.02, provider="nhn", reason="PROVIDER_BUSY")
    found = series(metrics)
    ok, failed = found["rpc.server.call.duration"].points
    assert dict(ok.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
    }
    assert isinstance(ok.value, Distribution)
    assert (list(ok.value.counts[:3]), ok.value.counts[-1]) == ([2, 1, 0], 1)
    assert ok.value.total == pytest.approx(100.015)
    assert failed.attributes["error.type"] == failed.attributes["rpc.response.status_code"] == "UNAVAILABLE"
    assert found["keyway.calls.in_flight"].points[0].value == 1
    (reason,) = found["keyway.calls.failed"].points
    assert (dict(reason.attributes), reason.value) == (
        {"rpc.method": METHOD, "keyway.reason": "PROVIDER_BUSY", "keyway.provider": "nhn"},
        1,
    )
    (attempts,) = found["keyway.call.attempts"].points
    assert isinstance(attempts.value, Distribution)
    assert list(attempts.value.counts[:4]) == [1, 0, 4, 0]


def test_instruments_without_values_are_omitted() -> None:
    assert set(series(Metrics())) == {"keyway.calls.in_flight"}


def test_exported_metrics_equal_recorded_metrics() -> None:
    metrics = Metrics()
    requests = UpstreamRequests(PEER)
    metrics.include(requests)
    requests.ended("GET", 200, 0.3)
    metrics.call_ended(METHOD, code_pb2.OK, 0.4, reason="X", attempts=1)
    metrics.observe(AUDIT_BACKLOG, lambda: 7)
    metrics.observe(CPU_TIME, lambda: 1.5)
    metrics.observe(MEMORY_USAGE, lambda: 9)
    encoded = encode_metrics(to_metrics_data(metrics.read(), Resource({"a": "b"}), metrics.started))
    (scope,) = encoded.resource_metrics[0].scope_metrics
    by_name = {metric.name: metric for metric in scope.metrics}
    (point,) = by_name["http.client.request.duration"].histogram.data_points
    assert (point.count, point.sum, list(point.bucket_counts).index(1)) == (1, 0.3, 7)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert not point.HasField("min")
    assert point.start_time_unix_nano == metrics.started
    assert point.time_unix_nano > metrics.started
    assert by_name["keyway.calls.failed"].sum.is_monotonic
    assert not by_name["keyway.calls.in_flight"].sum.is_monotonic
    assert by_name["keyway.audit.backlog"].gauge.data_points[0].as_int == 7
    assert by_name["process.cpu.time"].sum.is_monotonic
    assert by_name["process.cpu.time"].sum.data_points[0].as_double == 1.5
    assert not by_name["process.memory.usage"].sum.is_monotonic


def test_failing_gauge_does_not_affect_other_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    metrics.observe(ABOUT, lambda: 1 // 0)
    metrics.observe(AUDIT_BACKLOG, lambda: 3)
    metrics.observe(Description("absent", "gauge", "1", ""), lambda: None)
    assert {name: one.points[0].value for name, one in series(metrics).items()} == {
        "keyway.calls.in_flight": 0,
        "keyway.audit.backlog": 3,
    }
    assert "metric_read_failed" in capsys.readouterr().out


def test_number_of_points_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "MAXIMUM_POINTS", 3)
    histogram = Histogram[int](ABOUT, (1.0,), lambda key: {"key": key})
    counter = Counter[int](ABOUT, lambda key: {"key": key})
    for key in (1, 2, 3, 4, 5, 1):
        histogram.record(key, 0.5)
        counter.add(key)
    assert [(dict(point.attributes), point.value) for point in counter.read().points] == [
        ({"key": 1}, 2),
        ({"key": 2}, 1),
        ({"key": 3}, 1),
        ({"otel.metric.overflow": "true"}, 2),
    ]
    assert histogram.read().points[-1] == ({"otel.metric.overflow": "true"}, ([2, 0], 1.0))
