"""Start and shutdown of telemetry, as configured."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from gateway.telemetry import conventions as names
from gateway.telemetry.calls import CallTrace, propagated
from gateway.telemetry.context import Metadata
from gateway.telemetry.export import MetricPush, exporter_options
from gateway.telemetry.export_errors import ExportErrors
from gateway.telemetry.log_export import LogExport
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.points import to_metrics_data
from gateway.telemetry.prometheus import PrometheusEndpoint
from gateway.telemetry.settings import TelemetrySettings, TraceSettings
from gateway.telemetry.tracing import CallTracer, ChosenTraceIds

CLOSING_SECONDS: Final = 5.0
_EXIT_SECONDS: Final = 0.5
_EXPORT_MILLISECONDS: Final = 1000
"""A fifth of the SDK default: an export holds the interpreter lock, so that frequent small exports delay calls less."""
_MAXIMUM_ATTRIBUTE_CHARACTERS: Final = 1024
_DEFAULT_NAME: Final = "keyway"

Exporter = OTLPMetricExporter | OTLPSpanExporter | OTLPLogExporter

_log = structlog.get_logger(__name__)


class Telemetry:
    """The telemetry of the gateway, from `start` until `close`.

    begin: returns the trace of a call from its method and metadata. Without traces it is the span of the caller, which
    is propagated, or None. metrics: None if metrics are off.
    """

    def __init__(self, endpoint: str = "") -> None:
        self.begin: Callable[[str, Metadata], CallTrace | None] = _propagate
        self.metrics: Metrics | None = None
        self.prometheus_port: int | None = None
        self._shutdowns: list[Callable[[], None]] = []
        self._exporters: list[Exporter] = []
        self._export_errors = ExportErrors(endpoint)

    @classmethod
    def start(
        cls, settings: TelemetrySettings, service_version: str, instance_id: str, *, listen: bool = True
    ) -> "Telemetry":
        """Start what is configured. Raises OSError if the address for Prometheus is not available.

        listen: False leaves that address to another process, which collects the metrics of this one.
        """
        telemetry = cls(settings.endpoint or "")
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            _log.warning("telemetry_disabled", error="OTEL_SDK_DISABLED is set")
            return telemetry
        telemetry._export_errors.install()
        try:
            telemetry._start(settings, _resource(service_version, instance_id), listen=listen)
        except BaseException:
            telemetry._close(CLOSING_SECONDS)
            raise
        return telemetry

    def _start(self, settings: TelemetrySettings, resource: Resource, *, listen: bool) -> None:
        if settings.metrics is not None or settings.prometheus_listen is not None:
            self.metrics = Metrics(settings.maximum_certificates)
            if settings.prometheus_listen is not None and listen:
                self._serve(settings.prometheus_listen, self.metrics)
            if settings.metrics is not None:
                self._push(settings, settings.metrics.interval, self.metrics, resource)
        if settings.traces is not None:
            self._trace(settings, settings.traces, resource)
        if settings.logs:
            self._export_log(settings, resource)

    def _serve(self, listen: str, metrics: Metrics) -> None:
        endpoint = PrometheusEndpoint(listen, metrics.read)
        self.prometheus_port = endpoint.port
        self._shutdowns.append(endpoint.shutdown)

    def _push(self, settings: TelemetrySettings, interval: float, metrics: Metrics, resource: Resource) -> None:
        def read() -> MetricsData:
            return to_metrics_data(metrics.read(), resource, metrics.started)

        exporter = OTLPMetricExporter(**exporter_options(settings))
        self._exporters.append(exporter)
        self._shutdowns.append(MetricPush(exporter, interval, read).shutdown)

    def _trace(self, settings: TelemetrySettings, traces: TraceSettings, resource: Resource) -> None:
        ids = ChosenTraceIds()
        provider = TracerProvider(
            sampler=ALWAYS_ON,  # `CallTracer` starts only sampled spans
            resource=resource,
            shutdown_on_exit=False,
            id_generator=ids,
            span_limits=SpanLimits(max_span_attribute_length=_MAXIMUM_ATTRIBUTE_CHARACTERS),
        )
        exporter = OTLPSpanExporter(**exporter_options(settings))
        provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_delay("OTEL_BSP_SCHEDULE_DELAY"))
        )
        self.begin = CallTracer(provider, ids, traces.sample_ratio, traces.maximum_rate).begin
        self._exporters.append(exporter)
        self._shutdowns.append(provider.shutdown)

    def _export_log(self, settings: TelemetrySettings, resource: Resource) -> None:
        provider = LoggerProvider(resource, shutdown_on_exit=False)
        exporter = OTLPLogExporter(**exporter_options(settings))
        delay = _delay("OTEL_BLRP_SCHEDULE_DELAY")
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=delay))
        handler = LogExport(provider)
        logging.getLogger().addHandler(handler)

        def end() -> None:
            logging.getLogger().removeHandler(handler)
            provider.shutdown()

        self._exporters.append(exporter)
        self._shutdowns.append(end)

    async def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Export the remaining telemetry, for at most this many seconds."""
        await asyncio.to_thread(self._close, seconds)

    def _close(self, seconds: float) -> None:
        self.begin, shutdowns, self._shutdowns = _propagate, self._shutdowns, []
        threads = [threading.Thread(target=end, name="OtelClosing", daemon=True) for end in shutdowns]
        for thread in threads:
            thread.start()
        if not _joined(threads, seconds):
            _log.warning("telemetry_shutdown_timeout", error="the last telemetry was not exported in time")
            for exporter in self._exporters:
                exporter.shutdown()
            _joined(threads, _EXIT_SECONDS)
        self._export_errors.remove()


def _joined(threads: Sequence[threading.Thread], seconds: float) -> bool:
    """Join the threads. Return whether all ended in time."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _propagate(_method: str, metadata: Metadata) -> CallTrace | None:
    return propagated(metadata)


def _delay(variable: str) -> int | None:
    """Return the milliseconds between two exports; None if the standard variable is set, which the SDK reads."""
    return None if os.environ.get(variable) else _EXPORT_MILLISECONDS


def _resource(version: str, instance_id: str) -> Resource:
    """Return the resource of all telemetry. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` extend it."""
    own = {names.SERVICE_VERSION: version, "service.instance.id": instance_id}
    resource = Resource.create({**own, "process.pid": os.getpid()})
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return resource.merge(Resource({SERVICE_NAME: _DEFAULT_NAME}))
    return resource
