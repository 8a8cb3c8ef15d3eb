"""Settings of the central store."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.audit_query.central.settings import CentralSettings
from gateway.audit_query.settings import QuerySettings
from tests.support.authority import CertificateAuthority

ENDPOINT = "https://logs.example.com:9428"
SECRET = "s3cret-word"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (ENDPOINT, ENDPOINT),
        ("https://logs.example.com/select/", "https://logs.example.com/select"),
        ("http://127.0.0.1:9428", "http://127.0.0.1:9428"),
        ("http://[::1]:9428", "http://[::1]:9428"),
    ],
)
def test_endpoint_is_an_https_url_or_on_this_machine(given: str, used: str) -> None:
    assert CentralSettings(endpoint=given).endpoint == used


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://logs.example.com:9428",
        "logs.example.com:9428",
        "ftp://logs.example.com",
        "https://keyway:password@logs.example.com",
        "https://logs.example.com/?query=*",
        "https://logs.example.com/#x",
        "https://",
        "https://logs.example.com:99999",
        "https://로그.example.com",
    ],
)
def test_other_endpoint_is_rejected(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="must be https://HOST"):
        CentralSettings(endpoint=endpoint)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"username": "keyway"}, "set both username and password, or neither"),
        ({"password": SECRET}, "set both username and password, or neither"),
        ({"username": "a:b", "password": SECRET}, "must be printable ASCII without a colon"),
        ({"username": "keyway", "password": SECRET + "\n"}, "must not end with a newline"),
        ({"ca_certificates": "not a certificate"}, "ca_certificates"),
        ({"journals": ["gateway-1"]}, "journals"),
        ({"journals": ["journal-0123456789abcdef\n"]}, "journals"),
    ],
)
def test_invalid_value_is_rejected_without_secrets(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        CentralSettings.model_validate({"endpoint": ENDPOINT, **values})
    assert SECRET not in str(caught.value)


def test_password_is_not_shown() -> None:
    settings = CentralSettings.model_validate({"endpoint": ENDPOINT, "username": "keyway", "password": SECRET})
    assert SECRET not in repr(settings)


def test_bundle_requires_tls() -> None:
    bundle = CertificateAuthority().pem
    assert CentralSettings.model_validate({"endpoint": ENDPOINT, "ca_certificates": bundle}).secure
    with pytest.raises(ValidationError, match="ca_certificates requires an https:// endpoint"):
        CentralSettings.model_validate({"endpoint": "http://127.0.0.1:9428", "ca_certificates": bundle})


@pytest.mark.parametrize(
    "tree",
    [
        {"source": "central"},
        {"central": {"endpoint": ENDPOINT}},
        {"source": "central", "central": {"endpoint": ENDPOINT}, "index_directory": "index"},
    ],
)
def test_source_and_its_settings_belong_together(tree: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="requires"):
        QuerySettings.model_validate(tree)
