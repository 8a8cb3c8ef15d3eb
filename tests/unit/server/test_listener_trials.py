"""Keys, certificates, and authorities that other libraries accept, but that gRPC cannot use: rejected before use."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.config.base import ConfigError
from gateway.identity.settings import IdentitySettings
from gateway.identity.tls_files import TlsFiles
from gateway.journal.ship.settings import ShipSettings
from gateway.telemetry.settings import TelemetrySettings
from gateway.x509_reader import der
from tests.support import openssl
from tests.support.authority import CertificateAuthority
from tests.support.identity_server import channel, serving, who
from tests.support.x509_chain import chain

AUTHORITY = CertificateAuthority()
KINDS = "private_key_file: must be a P-256 or P-384 elliptic-curve key, or an RSA key of at least 2048 bits"
UNSUPPORTED = "certificate_file: gRPC does not support this certificate or its private key"
UNUSABLE = {
    "brainpool": (("ec", "ec_paramgen_curve:brainpoolP256r1"), KINDS),
    "secp256k1": (("ec", "ec_paramgen_curve:secp256k1"), KINDS),
    "P-224": (("ec", "ec_paramgen_curve:P-224"), KINDS),
    "P-521": (("ec", "ec_paramgen_curve:P-521"), KINDS),
    "explicit parameters": (("ec", "ec_paramgen_curve:P-256", "ec_param_enc:explicit"), UNSUPPORTED),
    "RSASSA-PSS": (("rsa-pss", "rsa_keygen_bits:2048"), UNSUPPORTED),
}


def create(folder: Path, algorithm: str, *options: str) -> None:
    """Create server.pem and server.key, self-signed for localhost."""
    parts = [part for option in options for part in ("-pkeyopt", option)]
    openssl.run(
        *("req", "-x509", "-newkey", algorithm, *parts, "-nodes", "-days", "30", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost"),
        *("-out", folder / "server.pem", "-keyout", folder / "server.key"),
    )


def settings(folder: Path) -> IdentitySettings:
    (folder / "ca.pem").write_bytes(AUTHORITY.pem)
    files = {"certificate_file": folder / "server.pem", "private_key_file": folder / "server.key"}
    return IdentitySettings.model_validate({**files, "mtls": {"trust_bundle_file": folder / "ca.pem"}})


def version_1_with_extensions() -> bytes:
    """A certificate of version 1, which must not have extensions. OpenSSL accepts it."""
    version, *rest = der.single(chain().root.tbs_certificate_bytes, der.SEQUENCE).children()
    assert version.tag == der.CONSTRUCTED
    signed = der.encode(der.SEQUENCE, *(each.encoded for each in rest))
    signature = der.encode(der.BIT_STRING, b"\0signature")
    return der.to_pem(der.encode(der.SEQUENCE, signed, rest[1].encoded, signature), "CERTIFICATE").encode()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_key_that_grpc_cannot_serve_stops_the_start(tmp_path: Path, kind: str) -> None:
    options, fault = UNUSABLE[kind]
    create(tmp_path, *options)
    with pytest.raises(ConfigError) as caught:
        TlsFiles(settings(tmp_path))
    assert str(caught.value) == f"identity.{fault}"


@pytest.mark.parametrize("kind", ["RSASSA-PSS", "P-224"])
def test_a_renewal_with_such_a_key_keeps_the_last_good_files(tmp_path: Path, kind: str) -> None:
    create(tmp_path, "ec", "ec_paramgen_curve:P-256")
    files = TlsFiles(settings(tmp_path), interval=0)
    good = files.current
    options, fault = UNUSABLE[kind]
    create(tmp_path, *options)
    with capture_logs() as logged:
        assert files.renewed() is None
        assert files.renewed() is None
    assert files.current is good
    assert [(line["event"], line["error"]) for line in logged] == [("tls_files_rejected", f"identity.{fault}")]


@pytest.mark.parametrize("options", [("ec", "ec_paramgen_curve:P-384"), ("rsa", "rsa_keygen_bits:3072")])
async def test_a_renewal_during_a_handshake_is_served_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """gRPC asks for the new files in the handshake of a call. The trial makes another handshake meanwhile."""
    monkeypatch.setattr("gateway.identity.tls_files.WatchedFiles.changed", lambda _: True)
    create(tmp_path, "ec", "ec_paramgen_curve:P-256")
    client = AUTHORITY.issue("web")
    async with serving(settings(tmp_path)) as server:
        create(tmp_path, *options)
        with capture_logs() as logged:
            trusted = CertificateAuthority()
            trusted.pem = (tmp_path / "server.pem").read_bytes()
            async with channel(server.address.replace("127.0.0.1", "localhost"), trusted, client) as connected:
                assert (await who(connected))["name"] == "web"
    assert [line["event"] for line in logged].count("tls_files_reloaded") == 1


def test_an_authority_that_grpc_cannot_load_is_rejected(tmp_path: Path) -> None:
    """gRPC would ignore this authority and all that follow, so that their callers are rejected."""
    create(tmp_path, "ec", "ec_paramgen_curve:P-256")
    identity = settings(tmp_path)
    bundle = AUTHORITY.pem + version_1_with_extensions() + CertificateAuthority().pem
    (tmp_path / "ca.pem").write_bytes(bundle)
    fault = "gRPC does not support certificate 2 of the file"
    with pytest.raises(ConfigError) as caught:
        TlsFiles(identity)
    assert str(caught.value) == f"identity.mtls.trust_bundle_file: {fault}"
    for model, options in ((ShipSettings, {}), (TelemetrySettings, {})):
        with pytest.raises(ValueError, match=fault):
            model.model_validate({"endpoint": "https://localhost:4317", "ca_certificates": bundle, **options})


def test_a_client_certificate_that_grpc_cannot_use_is_rejected(tmp_path: Path) -> None:
    create(tmp_path, "ec", "ec_paramgen_curve:brainpoolP256r1")
    own = {"certificate": (tmp_path / "server.pem").read_text(), "private_key": (tmp_path / "server.key").read_text()}
    with pytest.raises(ValueError, match="gRPC does not support this certificate or its private key") as caught:
        ShipSettings.model_validate({"endpoint": "https://localhost:4317", "client_certificate": own})
    assert own["private_key"].splitlines()[1] not in str(caught.value)
