"""Export of traces, metrics, and the log over OTLP, with the SDK of OpenTelemetry and its exporters.

Each function starts the export of one signal in a thread of its own.
"""

import logging
import os
from collections.abc import Callable
from typing import Final, NamedTuple

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
from gateway.telemetry.export import MetricPush, exporter_options
from gateway.telemetry.log_export import LogExport
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.points import to_metrics_data
from gateway.telemetry.settings import TelemetrySettings, TraceSettings
from gateway.telemetry.tracing import CallTracer, ChosenTraceIds

_EXPORT_MILLISECONDS: Final = 1000
"""A fifth of the SDK default: an export holds the interpreter lock, so that frequent small exports delay calls less."""
_MAXIMUM_ATTRIBUTE_CHARACTERS: Final = 1024
_DEFAULT_NAME: Final = "keyway"


class RunningExport(NamedTuple):
    """A running export. shutdown: exports the rest and ends. abandon: ends a shutdown that takes too long."""

    shutdown: Callable[[], None]
    abandon: Callable[[], None]


def resource(version: str, instance_id: str) -> Resource:
    """Return the resource of all telemetry. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` extend it."""
    own = {names.SERVICE_VERSION: version, "service.instance.id": instance_id}
    created = Resource.create({**own, "process.pid": os.getpid()})
    if str(created.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return created.merge(Resource({SERVICE_NAME: _DEFAULT_NAME}))
    return created


def export_metrics(settings: TelemetrySettings, interval: float, metrics: Metrics, about: Resource) -> RunningExport:
    """Export the metrics at every interval, in seconds."""

    def read() -> MetricsData:
        return to_metrics_data(metrics.read(), about, metrics.started)

    exporter = OTLPMetricExporter(**exporter_options(settings))
    return RunningExport(MetricPush(exporter, interval, read).shutdown, exporter.shutdown)


def export_traces(
    settings: TelemetrySettings, traces: TraceSettings, about: Resource
) -> tuple[CallTracer, RunningExport]:
    """Export sampled calls. Return what begins the trace of each call."""
    ids = ChosenTraceIds()
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # `CallTracer` starts only sampled spans
        resource=about,
        shutdown_on_exit=False,
        id_generator=ids,
        span_limits=SpanLimits(max_span_attribute_length=_MAXIMUM_ATTRIBUTE_CHARACTERS),
    )
    exporter = OTLPSpanExporter(**exporter_options(settings))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_delay("OTEL_BSP_SCHEDULE_DELAY")))
    tracer = CallTracer(provider, ids, traces.sample_ratio, traces.maximum_rate)
    return tracer, RunningExport(provider.shutdown, exporter.shutdown)


def export_log(settings: TelemetrySettings, about: Resource) -> RunningExport:
    """Export every line of the log."""
    provider = LoggerProvider(about, shutdown_on_exit=False)
    exporter = OTLPLogExporter(**exporter_options(settings))
    delay = _delay("OTEL_BLRP_SCHEDULE_DELAY")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=delay))
    handler = LogExport(provider)
    logging.getLogger().addHandler(handler)

    def end() -> None:
        logging.getLogger().removeHandler(handler)
        provider.shutdown()

    return RunningExport(end, exporter.shutdown)


def _delay(variable: str) -> int | None:
    """Return the milliseconds between two exports; None if the standard variable is set, which the SDK reads."""
    return None if os.environ.get(variable) else _EXPORT_MILLISECONDS
