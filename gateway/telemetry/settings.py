"""Settings of the `telemetry` section. By default nothing is exported."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, WithJsonSchema, field_validator

from gateway.config.base import RESTART, Settings, is_loopback, listen_address
from gateway.config.grpc_ca_certificates import GrpcCaCertificates


class TraceSettings(Settings):
    """Trace sampling."""

    sample_ratio: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of calls that are sampled if the caller sends no sampling decision. A sampling decision of "
        "the caller takes precedence.",
    )
    maximum_rate: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Maximum number of sampled calls per second, for all callers together.",
    )


class MetricSettings(Settings):
    """Metric export."""

    interval: float = Field(default=30.0, ge=1, le=3600, description="Seconds between two exports.")


class TelemetrySettings(Settings):
    """Export of traces, metrics and logs. Each is off unless its key is set."""

    endpoint: str | None = Field(
        default=None, description="OTLP/gRPC receiver: https://HOST:PORT, or http://HOST:PORT for plaintext."
    )
    ca_certificates: GrpcCaCertificates | None = Field(
        default=None, description="PEM CA bundle used to verify the receiver. Default: the system's."
    )
    headers: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="Headers sent with every export, such as an access token. Values are secret."
    )
    traces: TraceSettings | None = Field(default=None, description="Export of traces.")
    metrics: MetricSettings | None = Field(default=None, description="Export of metrics.")
    logs: bool = Field(default=False, description="Whether logs are also exported to the endpoint.")
    prometheus_listen: Annotated[str, WithJsonSchema({"type": ["string", "integer"]})] | None = Field(
        default=None,
        description="HOST:PORT where Prometheus can scrape the metrics. Without HOST, 127.0.0.1. The page exposes "
        "certificate names to every peer that can reach it.",
        json_schema_extra=RESTART,
    )
    maximum_certificates: int = Field(
        default=1000,
        ge=0,
        le=100_000,
        description="Maximum number of certificates that have their own time series in keyway.certificate.expiry.days: "
        "those that expire soonest. keyway.certificate.count counts all certificates.",
    )

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _split(value)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be http://HOST:PORT or https://HOST:PORT")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must be http://HOST:PORT or https://HOST:PORT, without a path")
        return value.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _are_metadata(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for key, header in value.items():
            if not _HEADER.fullmatch(key) or key.startswith("grpc-") or key.endswith("-bin"):
                raise ValueError("keys must be lower-case header names, not grpc-… and not …-bin")
            text = header.get_secret_value()
            if not (text.isascii() and text.isprintable()):
                raise ValueError("values must be printable ASCII")
        return value

    @field_validator("prometheus_listen", mode="before")
    @classmethod
    def _is_listen_address(cls, value: object) -> object:
        if value is None:
            return None
        text = f"127.0.0.1:{port['port']}" if (port := _PORT.fullmatch(str(value))) is not None else value
        if not isinstance(text, str) or listen_address(text) is None:
            raise ValueError("must be HOST:PORT, an IPv6 address in brackets, or a port")
        return text

    def model_post_init(self, _context: Any) -> None:
        """Require an endpoint for exports, and TLS for headers that leave this machine."""
        exports = self.traces is not None or self.metrics is not None or self.logs
        if exports and self.endpoint is None:
            raise ValueError("traces, metrics, and logs require endpoint")
        plain = self.endpoint is not None and self.endpoint.startswith("http://")
        if self.ca_certificates is not None and plain:
            raise ValueError("ca_certificates requires an https:// endpoint")
        if self.headers and plain and not is_loopback(urlsplit(self.endpoint or "").hostname or ""):
            raise ValueError("headers are secret: they require an https:// endpoint or a loopback address")


def _split(value: str) -> Any:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts


_PORT: Final = re.compile(r":?(?P<port>[0-9]{1,5})")
_HEADER: Final = re.compile(r"[a-z0-9_.-]{1,128}")
