"""OTLP exporters for spans, log records and metrics, each with its own thread, a bounded queue, and a timeout.

The configuration has the endpoint, headers and certificates. For what it has no key (compression, sizes of queues and
batches), the SDK reads the standard `OTEL_…` variables.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final, TypedDict

from opentelemetry.exporter.otlp.proto.grpc import exporter as otlp
from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

from gateway import pem
from gateway.config.base import content
from gateway.grpc_channel import SHARED_OPTIONS
from gateway.telemetry.settings import TelemetrySettings
from gateway.tls_verification import system_authorities

_sdk_log = logging.getLogger("opentelemetry.keyway")
"""A logger under that of the SDK, so that all export errors are reported in the same way."""

TIMEOUT_SECONDS: Final = 5.0
"""Timeout of one export including its retries; after that the data is dropped."""


class ExporterOptions(TypedDict):
    """Constructor arguments of every exporter."""

    endpoint: str | None
    insecure: bool
    credentials: Any
    headers: dict[str, str] | None
    timeout: float
    channel_options: Any


def exporter_options(settings: TelemetrySettings) -> ExporterOptions:
    """Return the exporter arguments for the settings."""
    insecure = (settings.endpoint or "").startswith("http://")
    return {
        "endpoint": settings.endpoint,
        "insecure": insecure,
        "credentials": None if insecure else _credentials(_bundle(content(settings.ca_certificates))),
        "headers": {key: value.get_secret_value() for key, value in settings.headers.items()} or None,
        "timeout": TIMEOUT_SECONDS,
        "channel_options": SHARED_OPTIONS,
    }


def _bundle(authorities: bytes | None) -> bytes | None:
    """Return the certificates of a PEM file as plain PEM, because gRPC skips blocks that it does not know."""
    return pem.plain_certificates(authorities) if authorities is not None else None


def _credentials(authorities: bytes | None) -> Any:
    """Return gRPC credentials. gRPC uses its built-in authorities if the system has none.

    `ssl_channel_credentials` comes from the exporter, because telemetry does not import gRPC itself.
    """
    return otlp.ssl_channel_credentials(root_certificates=authorities or system_authorities().encode() or None)  # type: ignore[attr-defined]


class MetricPush:
    """Exports metrics at every interval, and once at shutdown, in its own thread."""

    def __init__(self, exporter: MetricExporter, interval: float, read: Callable[[], MetricsData]) -> None:
        self._exporter = exporter
        self._interval = interval
        self._read = read
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="OtelMetricPush", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Export the metrics once more, and stop the thread."""
        self._ended.set()
        self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(self._interval)
            try:
                self._exporter.export(self._read())
            except Exception:  # noqa: BLE001 - gRPC raises after a shutdown of the exporter; the thread continues
                _sdk_log.exception("Exception while exporting metrics.")
