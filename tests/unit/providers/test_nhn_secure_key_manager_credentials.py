"""The credentials in requests to Secure Key Manager, from the app key to the client certificate."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import (
    AES_SAMPLE,
    APP_KEY,
    BASE,
    CIPHERTEXT,
    KEY,
    KEY_HEADERS,
    SECRET,
    SYMMETRIC,
    USER_ACCESS_KEY,
    VERSIONED_SYMMETRIC,
    call,
    connected,
    success,
)
from tests.support.scripted_upstream import ScriptedUpstream


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.0", {}),
        ("v1.1", {"X-TC-AUTHENTICATION-ID": "uak-id", "X-TC-AUTHENTICATION-SECRET": "uak-secret"}),
        ("v1.2", {"X-TC-AUTHENTICATION-ID": "uak-id", "X-TC-AUTHENTICATION-SECRET": "uak-secret"}),
        ("v1.3", {"X-NHN-Authorization": "Bearer token-1"}),
    ],
)
async def test_each_version_receives_only_its_own_credentials(
    upstream: ScriptedUpstream, version: str, expected: dict[str, str]
) -> None:
    upstream.answer("GET", f"/keymanager/{version}/appkey/{APP_KEY}/secrets/s1", body=success(secret="x"))
    values = {"api_version": version, "user_access_key": USER_ACCESS_KEY, "bearer_token": "token-1"}
    async with connected(upstream, **values) as adapter:
        await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())
    headers = upstream.requests[0].headers
    assert {name: headers[name] for name in KEY_HEADERS if name in headers} == expected
    assert "X-TOAST-CLIENT-MAC-ADDR" not in headers
    assert headers["Accept"] == "application/json"


async def test_mac_address_is_sent_with_every_request(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret="x"))
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT))
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext=""))
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE, keyVersion=1))
    async with connected(upstream, mac_address="00:00:5E:00:53:01") as adapter:
        await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())
        await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
        await adapter.decrypt(keys.DecryptRequest(name=KEY, ciphertext="c"), call())
        await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=f"{KEY}/versions/1"), call())
    assert [request.headers["X-TOAST-CLIENT-MAC-ADDR"] for request in upstream.requests] == ["00:00:5E:00:53:01"] * 4


async def test_app_key_is_percent_encoded(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", "/keymanager/v1.0/appkey/a%2F..%2Fb/secrets/s1", body=success(secret="x"))
    async with connected(upstream, app_key="a/../b") as adapter:
        await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())


# Client certificates


def issue(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_ca: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(ZoneInfo("UTC"))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
async def test_client_certificate_is_presented(tmp_path: Path, form: str) -> None:
    ca_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = issue("ca", ca_key, "ca", ca_key, is_ca=True)
    ca_pem = authority.public_bytes(Encoding.PEM)
    server = issue("server", server_key, "ca", ca_key)
    client = issue("client", client_key, "ca", ca_key)
    pem = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + server.public_bytes(
        Encoding.PEM
    )
    (tmp_path / "server.pem").write_bytes(pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_verify_locations(cadata=ca_pem.decode())
    tls.load_cert_chain(tmp_path / "server.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    certificate: dict[str, object] = {
        "certificate": client.public_bytes(Encoding.PEM),
        "private_key": client_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    if form == "pkcs12":
        store = pkcs12.serialize_key_and_certificates(b"c", client_key, client, None, BestAvailableEncryption(b"pw"))
        certificate = {"pkcs12": store, "password": "pw"}
    async with ScriptedUpstream(tls=tls) as upstream:
        upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret="x"))
        async with connected(upstream, ca_certificates=ca_pem, client_certificate=certificate) as adapter:
            response = await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())
    assert response.payload == b"x"
