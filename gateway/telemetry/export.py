"""The ways of spans, log records and metrics to an OTLP receiver: each has a thread, a bounded queue, and a time limit.

The configuration says where to, with which headers and certificates. What it has no key for (compression, sizes of
queues and batches) is taken from the standard's `OTEL_…` variables, as the SDK does.
"""

import logging
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypedDict

from opentelemetry.exporter.otlp.proto.grpc import exporter as otlp
from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

from gateway import pem
from gateway.config.base import content
from gateway.telemetry.settings import TelemetrySettings

_sdk_log = logging.getLogger("opentelemetry.keyway")
"""One of the SDK's, so that what goes wrong with its exporters is told in one way."""

TIMEOUT_SECONDS: Final = 5.0
"""Of one export with all its repetitions; what could not be sent by then is dropped."""

_CHANNEL_OPTIONS: Final = (("grpc.enable_http_proxy", 0),)
"""The environment's proxies are ignored here as everywhere else."""


class ExporterOptions(TypedDict):
    """What every exporter is made with."""

    endpoint: str | None
    insecure: bool
    credentials: Any
    headers: dict[str, str] | None
    timeout: float
    channel_options: Any


def exporter_options(settings: TelemetrySettings) -> ExporterOptions:
    """What the settings say of the receiver."""
    insecure = (settings.endpoint or "").startswith("http://")
    return {
        "endpoint": settings.endpoint,
        "insecure": insecure,
        "credentials": None if insecure else _credentials(_bundle(content(settings.ca_certificates))),
        "headers": {key: value.get_secret_value() for key, value in settings.headers.items()} or None,
        "timeout": TIMEOUT_SECONDS,
        "channel_options": _CHANNEL_OPTIONS,
    }


def _bundle(authorities: bytes | None) -> bytes | None:
    """Return the certificates of a PEM file as plain PEM, because gRPC skips blocks that it does not know."""
    return pem.to_pem(pem.certificates(authorities)) if authorities is not None else None


def _credentials(authorities: bytes | None) -> Any:
    """By the exporter's own import: no other part of the telemetry knows gRPC."""
    return otlp.ssl_channel_credentials(root_certificates=authorities or _system_authorities())  # type: ignore[attr-defined]


def _system_authorities() -> bytes | None:
    """gRPC brings a list of its own, which no administrator has changed; that is taken where the system has none."""
    file = ssl.get_default_verify_paths().cafile
    return Path(file).read_bytes() if file is not None else None


class MetricPush:
    """Sends metrics at every interval, and once more at the end, from a thread of its own."""

    def __init__(self, exporter: MetricExporter, interval: float, read: Callable[[], MetricsData]) -> None:
        self._exporter = exporter
        self._interval = interval
        self._read = read
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="OtelMetricPush", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Send what there is, and end."""
        self._ended.set()
        self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(self._interval)
            try:
                self._exporter.export(self._read())
            except Exception:  # noqa: BLE001 - gRPC's, where the exporter is shut down meanwhile; the thread goes on
                _sdk_log.exception("Exception while exporting metrics.")
