"""The section `audit.ship`."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.journal.ship.bootstrap import ShipperBootstrap
from gateway.journal.ship.settings import ShipSettings
from tests.support.authority import CertificateAuthority

SECRET = "Bearer s3cret-token"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4317", "http://[::1]:4317", "http://localhost:4317", "https://collector:4317"]
)
def test_plaintext_on_loopback_and_tls_elsewhere_are_accepted(endpoint: str) -> None:
    settings = ShipSettings(endpoint=endpoint)
    assert settings.secure == endpoint.startswith("https")
    assert settings.target == endpoint.partition("//")[2]


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"endpoint": "http://collector:4317"}, "requires insecure: true"),
        ({"endpoint": "https://collector:4317", "insecure": True}, "insecure requires"),
        ({"endpoint": "http://127.0.0.1:4317", "ca_certificates": CertificateAuthority().pem}, "require an https"),
        ({"endpoint": "collector:4317"}, "must be http"),
        ({"endpoint": "https://collector"}, "must be http"),
        ({"endpoint": "https://collector:4317/v1/logs"}, "must be http"),
        ({"endpoint": "https://user:secret@collector:4317"}, "must be http"),
        ({"endpoint": "https://collector:99999"}, "must be http"),
        ({"endpoint": "https://c:1", "ca_certificates": "no certificate"}, "contains no PEM"),
        ({"endpoint": "https://c:1", "headers": {"Authorization": "x"}}, "lower-case"),
        ({"endpoint": "https://c:1", "headers": {"grpc-timeout": "x"}}, "lower-case"),
        ({"endpoint": "https://c:1", "headers": {"x": f"{SECRET}\n"}}, "printable"),
        ({"endpoint": "https://c:1", "rewind": 0}, "greater than 0"),
    ],
)
def test_invalid_settings_are_rejected_without_secrets(members: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault) as caught:
        ShipSettings.model_validate(members)
    assert "s3cret" not in str(caught.value)
    assert "user:secret" not in str(caught.value)


def test_insecure_permits_plaintext_to_other_machines() -> None:
    assert not ShipSettings(endpoint="http://collector:4317", insecure=True).secure


def test_key_of_another_certificate_is_rejected() -> None:
    authority = CertificateAuthority()
    one, other = authority.issue("one"), authority.issue("other")
    pair = {"certificate": one.chain_pem, "private_key": one.key_pem}
    assert ShipSettings.model_validate({"endpoint": "https://c:1", "client_certificate": pair}).client_certificate
    for key, fault in ((other.key_pem, "does not match certificate"), (b"nonsense", "cannot be read")):
        with pytest.raises(ValidationError, match=fault):
            ShipSettings.model_validate({"endpoint": "https://c:1", "client_certificate": {**pair, "private_key": key}})


def test_secrets_are_passed_to_the_shipper_but_not_printed(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    own = authority.issue("own")
    settings = ShipSettings.model_validate(
        {
            "endpoint": "https://c:1",
            "headers": {"authorization": SECRET},
            "ca_certificates": "\u00e9\n" + authority.pem.decode(),
            "client_certificate": {"certificate": own.chain_pem, "private_key": own.key_pem},
        }
    )
    handover = ShipperBootstrap(tmp_path, settings, "info", "json")
    assert "s3cret" not in repr(settings) + str(settings) + repr(handover)
    parsed = ShipperBootstrap.parse(handover.line())
    assert parsed.settings.headers == settings.headers
    assert parsed.settings.client_certificate == settings.client_certificate
    assert (parsed.directory, parsed.log_level, parsed.log_format) == (tmp_path, "info", "json")
    assert parsed.settings.ca_certificates is not None
    assert authority.pem in parsed.settings.ca_certificates.get_secret_value()
