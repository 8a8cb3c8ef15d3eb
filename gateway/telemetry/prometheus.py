"""The Prometheus endpoint: serves the metrics on its own port, in its own thread."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.config.base import listen_address
from gateway.telemetry.instruments import Description, Distribution, Series

_UNITS: Final = {"s": "seconds", "d": "days", "By": "bytes"}
_WITHOUT_UNIT: Final = frozenset({"keyway.audit.disk.free", "keyway.audit.size", "keyway.cache.size"})
"""Metrics whose names in Prometheus have no unit, because they were published that way."""
_NOT_ALLOWED: Final = re.compile(r"[^a-zA-Z0-9]+")


class PrometheusEndpoint:
    """Serves `/metrics` until `shutdown`. Raises OSError if the address is not available."""

    def __init__(self, listen: str, read: Callable[[], Sequence[Series]]) -> None:
        address = listen_address(listen)
        assert address is not None
        host, port = address
        registry = CollectorRegistry()
        registry.register(SeriesCollector(read))
        self._server, self._thread = start_http_server(port, host, registry)
        self.port = self._server.server_port

    def shutdown(self) -> None:
        """Stop the server and close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SeriesCollector(Collector):
    """Collects the series, with names by OpenTelemetry's rules, such as `rpc_server_call_duration_seconds`."""

    def __init__(self, read: Callable[[], Sequence[Series]]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Return nothing: metrics are not described before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics."""
        for series in self._read():
            yield _family(series)


def exposed_name(about: Description) -> str:
    """Return the name of an instrument on the page, without the suffixes of the series of a histogram."""
    name: str = _family(Series(about, [])).name
    return f"{name}_total" if about.kind == "counter" else name


def _family(series: Series) -> Metric:
    keys = sorted({key for point in series.points for key in point.attributes})
    labels = [_name(key) for key in keys]
    about = series.about
    unit = _UNITS.get(about.unit, "") if about.name not in _WITHOUT_UNIT else ""
    name, text = _name(about.name), about.text
    rows = [([str(point.attributes.get(key, "")) for key in keys], point.value) for point in series.points]
    if series.about.kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels, unit=unit)
        for row, value in rows:
            assert isinstance(value, Distribution)
            bounds = [*map(str, series.bounds), "+Inf"]
            histogram.add_metric(row, list(zip(bounds, accumulate(value.counts), strict=True)), value.total)
        return histogram
    family = (CounterMetricFamily if series.about.kind == "counter" else GaugeMetricFamily)(
        name, text, labels=labels, unit=unit
    )
    for row, value in rows:
        assert not isinstance(value, Distribution)
        family.add_metric(row, value)
    return family


def _name(text: str) -> str:
    return _NOT_ALLOWED.sub("_", text)
