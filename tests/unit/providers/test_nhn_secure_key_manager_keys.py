"""The keys that Secure Key Manager returns, and their versions."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import MalformedResponse
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import (
    AES_SAMPLE,
    AES_SAMPLE_BYTES,
    APP_KEY,
    ASYMMETRIC,
    KEY,
    KEY_HEADERS,
    SYMMETRIC,
    USER_ACCESS_KEY,
    VERSIONED_SYMMETRIC,
    call,
    connected,
    hexadecimal,
    sent,
    success,
)
from tests.support.scripted_upstream import ScriptedUpstream


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


# symmetric-key


async def test_symmetric_key_of_v1_0_has_no_version(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{SYMMETRIC}/symmetric-key", body=success(symmetricKey=AES_SAMPLE))
    response = await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call())
    assert sent(upstream) == ("GET", f"{SYMMETRIC}/symmetric-key", b"")
    assert response == keys.GetSymmetricKeyResponse(key_material=AES_SAMPLE_BYTES)
    assert not response.HasField("key_version")


@pytest.mark.parametrize("version", [0, 1, 2**31 - 1])
async def test_named_symmetric_key_version_is_requested_through_v1_1(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, version: int
) -> None:
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE, keyVersion=version))
    request = keys.GetSymmetricKeyRequest(name=f"{KEY}/versions/{version}")
    response = await adapter.get_symmetric_key(request, call())
    assert sent(upstream) == ("GET", f"{VERSIONED_SYMMETRIC}?keyVersion={version}", b"")
    assert response == keys.GetSymmetricKeyResponse(key_material=AES_SAMPLE_BYTES, key_version=version)


async def test_user_access_key_is_sent_to_v1_1_only(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE, keyVersion=2))
    upstream.answer("GET", f"{SYMMETRIC}/symmetric-key", body=success(symmetricKey=AES_SAMPLE))
    async with connected(upstream, user_access_key=USER_ACCESS_KEY) as adapter:
        await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=f"{KEY}/versions/2"), call())
        await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call())
    versioned, plain = upstream.requests
    assert versioned.headers["X-TC-AUTHENTICATION-ID"] == "uak-id"
    assert not any(name in plain.headers for name in KEY_HEADERS)


@pytest.mark.parametrize(
    ("version", "credentials"),
    [
        ("v1.1", {"user_access_key": USER_ACCESS_KEY}),
        ("v1.2", {"user_access_key": USER_ACCESS_KEY}),
        ("v1.3", {"bearer_token": "t"}),
    ],
)
async def test_later_api_versions_return_the_version_of_the_current_key(
    upstream: ScriptedUpstream, version: str, credentials: dict[str, Any]
) -> None:
    path = f"/keymanager/{version}/appkey/{APP_KEY}/symmetric-keys/k1/symmetric-key"
    for _ in range(2):
        upstream.answer("GET", path, body=success(symmetricKey=AES_SAMPLE, keyVersion=4))
    async with connected(upstream, api_version=version, **credentials) as adapter:
        response = await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call())
        await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=f"{KEY}/versions/4"), call())
    assert [request.target for request in upstream.requests] == [path, f"{path}?keyVersion=4"]
    assert response.key_version == 4


# privateKey and publicKey


def private_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def both_forms(kind: str, der: bytes, version: int) -> dict[str, object]:
    """Return a body as in the sample: hexadecimal bytes with a trailing comma and a line break, Base64 in lines."""
    encoded = base64.b64encode(der).decode()
    lines = "\n     ".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    return success(keyType=kind, key=hexadecimal(der) + ",\n   ", encodedKey=lines, keyVersion=version)


@pytest.mark.parametrize(
    ("suffix", "query"), [("", ""), ("/versions/0", "?keyVersion=0"), ("/versions/7", "?keyVersion=7")]
)
async def test_private_key_is_returned_as_der_and_pem(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rsa_key: rsa.RSAPrivateKey, suffix: str, query: str
) -> None:
    der, version = private_der(rsa_key), int(query[-1:] or 3)
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=both_forms("PrivateKey", der, version))
    response = await adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY + suffix), call())
    assert sent(upstream) == ("GET", f"{ASYMMETRIC}/privateKey{query}", b"")
    assert response.pkcs8_der == der
    assert response.pem == rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert response.HasField("key_version")
    assert response.key_version == version
    load_pem_private_key(response.pem.encode(), None)


@pytest.mark.parametrize(("suffix", "query"), [("", ""), ("/versions/0", "?keyVersion=0")])
async def test_public_key_is_returned_as_der_and_pem(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rsa_key: rsa.RSAPrivateKey, suffix: str, query: str
) -> None:
    der = public_der(rsa_key)
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=both_forms("PublicKey", der, 0))
    response = await adapter.get_public_key(keys.GetPublicKeyRequest(name=KEY + suffix), call())
    assert sent(upstream) == ("GET", f"{ASYMMETRIC}/publicKey{query}", b"")
    assert response.spki_der == der
    assert load_pem_public_key(response.pem.encode()) == rsa_key.public_key()
    assert response.HasField("key_version")
    assert response.key_version == 0


@pytest.mark.parametrize("left", ["key", "encodedKey"])
async def test_either_form_of_a_key_is_sufficient(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, left: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = private_der(key)
    forms = {"key": hexadecimal(der), "encodedKey": base64.b64encode(der).decode()}
    body = success(keyType="PrivateKey", **{name: text if name == left else None for name, text in forms.items()})
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=body)
    response = await adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call())
    assert response.pkcs8_der == der
    assert not response.HasField("key_version")


async def test_response_without_the_requested_version_is_malformed(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rsa_key: rsa.RSAPrivateKey
) -> None:
    private, public = private_der(rsa_key), public_der(rsa_key)
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE))
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=success(keyType="PrivateKey", key=hexadecimal(private)))
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=success(keyType="PublicKey", key=hexadecimal(public)))
    name = f"{KEY}/versions/1"
    for read in (
        adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=name), call()),
        adapter.get_private_key(keys.GetPrivateKeyRequest(name=name), call()),
        adapter.get_public_key(keys.GetPublicKeyRequest(name=name), call()),
    ):
        with pytest.raises(MalformedResponse, match="keyVersion is missing"):
            await read


@pytest.mark.parametrize("stated", ["PublicKey", "SymmetricKey", 1])
async def test_key_of_another_type_is_malformed(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rsa_key: rsa.RSAPrivateKey, stated: object
) -> None:
    key = hexadecimal(private_der(rsa_key))
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=success(keyType=stated, key=key))
    with pytest.raises(MalformedResponse, match="keyType"):
        await adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call())
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=success(key=key))
    await adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call())
