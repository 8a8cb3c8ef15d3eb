"""Conversion of the gateway's metrics to the data model of the SDK's exporters."""

import time
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Distribution, Point, Series

_OMITTED: Final[Any] = None
"""Minimum and maximum, which OTLP allows to omit: over the whole run of a process they are not useful."""


def to_metrics_data(series: Sequence[Series], resource: Resource, started: int) -> MetricsData:
    """Convert all series. started: start of counting, in nanoseconds since 1970."""
    now = time.time_ns()
    scope = InstrumentationScope(names.SCOPE, schema_url=names.SCHEMA_URL)
    metrics = [_metric(one, started, now) for one in series]
    scoped = ScopeMetrics(scope, metrics, names.SCHEMA_URL)
    return MetricsData([ResourceMetrics(resource, [scoped], resource.schema_url)])


def _metric(series: Series, started: int, now: int) -> Metric:
    return Metric(series.about.name, series.about.text, series.about.unit, _data(series, started, now))


def _data(series: Series, started: int, now: int) -> Histogram | Sum | Gauge:
    if series.about.kind == "histogram":
        points = [_histogram_point(point, series.bounds, started, now) for point in series.points]
        return Histogram(points, AggregationTemporality.CUMULATIVE)
    numbers = [_number(point, started, now) for point in series.points]
    if series.about.kind == "gauge":
        return Gauge(numbers)
    return Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=series.about.kind == "counter")


def _histogram_point(point: Point, bounds: Sequence[float], started: int, now: int) -> HistogramDataPoint:
    assert isinstance(point.value, Distribution)
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=sum(point.value.counts),
        sum=point.value.total,
        bucket_counts=point.value.counts,
        explicit_bounds=bounds,
        min=_OMITTED,
        max=_OMITTED,
    )


def _number(point: Point, started: int, now: int) -> NumberDataPoint:
    assert not isinstance(point.value, Distribution)
    return NumberDataPoint(point.attributes, started, now, point.value)
