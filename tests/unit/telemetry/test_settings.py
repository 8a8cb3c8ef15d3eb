"""The section `telemetry`: valid and invalid settings."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.telemetry.settings import TelemetrySettings
from tests.support.authority import CertificateAuthority

ENDPOINT = {"endpoint": "https://collector:4317"}


def parse(tree: Mapping[str, Any]) -> TelemetrySettings:
    return TelemetrySettings.model_validate(tree)


def test_everything_is_off_by_default() -> None:
    settings = parse({})
    assert (settings.traces, settings.metrics, settings.logs, settings.prometheus_listen) == (None, None, False, None)


def test_all_settings_are_accepted() -> None:
    settings = parse(
        {
            "endpoint": "https://collector:4317/",
            "ca_certificates": CertificateAuthority().pem,
            "headers": {"authorization": "Bearer secret-token"},
            "traces": {"sample_ratio": 0.5},
            "metrics": {"interval": 10},
            "logs": True,
            "prometheus_listen": "0.0.0.0:9464",
        }
    )
    assert settings.endpoint == "https://collector:4317"
    assert settings.traces is not None
    assert settings.traces.sample_ratio == 0.5
    assert "secret-token" not in repr(settings)


@pytest.mark.parametrize(
    ("value", "listen"),
    [(9464, "127.0.0.1:9464"), ("9464", "127.0.0.1:9464"), (":9464", "127.0.0.1:9464"), ("[::1]:1", "[::1]:1")],
)
def test_port_without_a_host_is_on_loopback(value: object, listen: str) -> None:
    assert parse({"prometheus_listen": value}).prometheus_listen == listen


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"traces": {}}, "require endpoint"),
        ({"metrics": {}}, "require endpoint"),
        ({"logs": True}, "require endpoint"),
        ({"endpoint": "collector:4317"}, "must be http"),
        ({"endpoint": "grpc://collector:4317"}, "must be http"),
        ({"endpoint": "http://collector:x"}, "must be http"),
        ({"endpoint": "https://user:pass@collector:4317"}, "must be http"),
        ({"endpoint": "http://collector:4317/v1/traces"}, "without a path"),
        (
            {"endpoint": "http://collector:4317", "ca_certificates": CertificateAuthority().pem},
            "requires an https:// endpoint",
        ),
        ({"endpoint": "https://collector:4317", "ca_certificates": "x"}, "contains no PEM certificate"),
        ({"endpoint": "http://collector:4317", "headers": {"a": "b"}}, "headers are secret"),
        ({**ENDPOINT, "headers": {"Upper": "b"}}, "header names"),
        ({**ENDPOINT, "headers": {"grpc-timeout": "b"}}, "header names"),
        ({**ENDPOINT, "headers": {"a-bin": "b"}}, "header names"),
        ({**ENDPOINT, "headers": {"a": "line\nbreak"}}, "printable ASCII"),
        ({**ENDPOINT, "traces": {"sample_ratio": 1.1}}, "less than or equal to 1"),
        ({**ENDPOINT, "traces": {"ratio": 1}}, "Extra inputs"),
        ({**ENDPOINT, "metrics": {"interval": 0}}, "greater than or equal to 1"),
        ({"prometheus_listen": "localhost"}, "HOST:PORT"),
        ({"prometheus_listen": "127.0.0.1:70000"}, "HOST:PORT"),
        ({"prometheus_listen": ":70000"}, "HOST:PORT"),
        ({"prometheus_listen": "::1:9464"}, "HOST:PORT"),
    ],
)
def test_invalid_settings_are_rejected(tree: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        parse(tree)


def test_headers_without_tls_are_accepted_on_loopback() -> None:
    assert parse({"endpoint": "http://127.0.0.1:4317", "headers": {"a": "b"}}).headers
