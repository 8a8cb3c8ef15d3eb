"""What of the gateway's telemetry is exported, and where to. Nothing by default."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from gateway.config.base import FileContent, Settings, as_bytes, is_loopback, listen_address


class TraceSettings(Settings):
    """sample_ratio: of the calls whose caller has not decided itself; a caller's own decision holds in both senses.

    maximum_rate: calls that are recorded in one second, whoever decided; a flood would push out all other spans.
    """

    sample_ratio: float = Field(default=0.01, ge=0, le=1)
    maximum_rate: int = Field(default=500, ge=1, le=100_000)


class MetricSettings(Settings):
    """interval: seconds between two exports."""

    interval: float = Field(default=30.0, ge=1, le=3600)


class TelemetrySettings(Settings):
    """Each of traces, metrics and logs is off unless it stands here.

    endpoint: of an OTLP receiver that speaks gRPC, `https://HOST:PORT`, or `http://…` without TLS.
    ca_certificates: PEM; the system's by default. headers: sent with every export, such as a collector's token.
    logs: the log goes to the endpoint too, beside standard error.
    prometheus_listen: HOST:PORT, or a port on the loopback address, where metrics can be fetched.
    """

    endpoint: str | None = None
    ca_certificates: FileContent | None = None
    headers: Mapping[str, SecretStr] = Field(default_factory=dict)
    traces: TraceSettings | None = None
    metrics: MetricSettings | None = None
    logs: bool = False
    prometheus_listen: str | None = None

    _accept_text = field_validator("ca_certificates", mode="before")(as_bytes)

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
                raise ValueError("keys must be names of headers in lower case")
            text = header.get_secret_value()
            if not (text.isascii() and text.isprintable()):
                raise ValueError("values must be printable ASCII")
        return value

    @field_validator("prometheus_listen", mode="before")
    @classmethod
    def _is_listen_address(cls, value: object) -> object:
        if value is None:
            return None
        text = f"127.0.0.1:{value}" if _PORT.fullmatch(str(value)) else value
        if not isinstance(text, str) or listen_address(text) is None:
            raise ValueError("must be HOST:PORT, an IPv6 address in brackets, or a port")
        return text

    def model_post_init(self, _context: Any) -> None:
        """What is exported needs an endpoint; secrets need TLS, unless they stay on this machine."""
        exports = self.traces is not None or self.metrics is not None or self.logs
        if exports and self.endpoint is None:
            raise ValueError("traces, metrics and logs need an endpoint")
        plain = self.endpoint is not None and self.endpoint.startswith("http://")
        if self.ca_certificates is not None and plain:
            raise ValueError("ca_certificates belongs to an https endpoint")
        if self.headers and plain and not is_loopback(urlsplit(self.endpoint or "").hostname or ""):
            raise ValueError("headers are secrets: they take an https endpoint, or one on this machine")


def _split(value: str) -> Any:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts


_PORT: Final = re.compile(r"[0-9]{1,5}")
_HEADER: Final = re.compile(r"[a-z0-9_.-]{1,128}")
