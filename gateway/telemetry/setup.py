"""Start and shutdown of telemetry, as configured.

The SDK of OpenTelemetry and the Prometheus client are imported only if the configuration uses them.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from gateway.telemetry.calls import CallTrace, propagated
from gateway.telemetry.context import Metadata
from gateway.telemetry.export_errors import ExportErrors
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from gateway.telemetry.otlp import RunningExport

CLOSING_SECONDS: Final = 5.0
_EXIT_SECONDS: Final = 0.5

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
        self._exports: list[RunningExport] = []
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
            telemetry._start(settings, service_version, instance_id, listen=listen)
        except BaseException:
            telemetry._close(CLOSING_SECONDS)
            raise
        return telemetry

    def _start(self, settings: TelemetrySettings, version: str, instance_id: str, *, listen: bool) -> None:
        if settings.metrics is not None or settings.prometheus_listen is not None:
            self.metrics = Metrics(settings.maximum_certificates)
            if settings.prometheus_listen is not None and listen:
                self._serve(settings.prometheus_listen, self.metrics)
        if settings.metrics is not None or settings.traces is not None or settings.logs:
            self._export(settings, version, instance_id)

    def _serve(self, listen: str, metrics: Metrics) -> None:
        from gateway.telemetry.prometheus import PrometheusEndpoint  # noqa: PLC0415 - see the module's docstring

        endpoint = PrometheusEndpoint(listen, metrics.read)
        self.prometheus_port = endpoint.port
        self._shutdowns.append(endpoint.shutdown)

    def _export(self, settings: TelemetrySettings, version: str, instance_id: str) -> None:
        from gateway.telemetry import otlp  # noqa: PLC0415 - see the module's docstring

        resource = otlp.resource(version, instance_id)
        if settings.metrics is not None and self.metrics is not None:
            self._add(otlp.export_metrics(settings, settings.metrics.interval, self.metrics, resource))
        if settings.traces is not None:
            tracer, export = otlp.export_traces(settings, settings.traces, resource)
            self.begin = tracer.begin
            self._add(export)
        if settings.logs:
            self._add(otlp.export_log(settings, resource))

    def _add(self, export: "RunningExport") -> None:
        self._exports.append(export)
        self._shutdowns.append(export.shutdown)

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
            for export in self._exports:
                export.abandon()
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
