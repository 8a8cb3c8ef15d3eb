"""The configuration in docs/configuration.md and the files in deploy/ load as printed."""

import re
import shutil
from pathlib import Path

import pytest

from gateway import app
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.gateway_settings import GatewaySettings
from tests.support.authority import CertificateAuthority
from tests.support.docs import ROOT, blocks


def test_complete_example_loads_and_uses_every_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("docs/configuration.md", "yaml")
    secret = tmp_path / "skm-appkey"
    secret.write_text("an-app-key\n")
    without_files = re.sub(r"(?m)^ +client_certificate:.*$", "", example).replace(
        "/run/secrets/skm-appkey", str(secret)
    )
    shutil.copytree(ROOT / "deploy/policies", tmp_path / "policies")
    authority = CertificateAuthority()
    authority.server().write(tmp_path, "server")
    (tmp_path / "clients-ca.pem").write_bytes(authority.pem)
    path = tmp_path / "keyway.yaml"
    path.write_text(without_files)
    monkeypatch.setenv("COLLECTOR_TOKEN", "a-token")
    monkeypatch.setenv("NHN_CERT_APPKEY", "an-app-key")
    monkeypatch.setenv("WARP_PASSWORD", "a-password")
    settings = app.load_config(path)
    assert [provider.id for provider in settings.providers] == ["nhn-certs", "nhn-keys", "asteria"]
    sections = {name for name in GatewaySettings.model_fields if getattr(settings, name) is not None}
    assert sections == GatewaySettings.model_fields.keys()


def test_emulator_configuration_uses_the_documented_ports() -> None:
    settings = app.load_config(ROOT / "deploy/emulators.yaml")
    ports = {provider.type: int(provider.endpoint.rpartition(":")[2]) for provider in settings.providers}
    assert ports == {kind: emulated.port for kind, emulated in EMULATOR_TYPES.items()}
