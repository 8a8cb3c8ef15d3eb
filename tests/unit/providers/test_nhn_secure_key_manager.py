"""Each call of the Secure Key Manager adapter: the request that goes out, and what comes of the vendor's samples."""

import asyncio
import base64
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from gateway.errors import PLAINTEXT_NOT_BASE64, GatewayError, InvalidRequest
from gateway.providers.capabilities import CAPABILITIES, KeyOperations, Provider
from gateway.providers.nhn_secure_key_manager import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.scripted_upstream import ScriptedUpstream
from tests.unit.providers.secure_key_manager import (
    AES_SAMPLE,
    AES_SAMPLE_BYTES,
    APP_KEY,
    ASYMMETRIC,
    BASE,
    KEY,
    PROVIDER,
    SECRET,
    SYMMETRIC,
    call,
    connected,
    failure,
    success,
)

CIPHERTEXT = "AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP"
SIGNATURE = "AAAAAGI9zf831DX..."
USER_ACCESS_KEY = {"id": "uak-id", "secret": "uak-secret"}
VERSIONED_SYMMETRIC = f"/keymanager/v1.1/appkey/{APP_KEY}/symmetric-keys/k1/symmetric-key"
KEY_HEADERS = ("X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET", "X-NHN-Authorization")


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def adapter(upstream: ScriptedUpstream) -> AsyncIterator[SecureKeyManager]:
    async with connected(upstream) as connected_adapter:
        yield connected_adapter


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def hexadecimal(data: bytes) -> str:
    return ", ".join(f"0x{octet:02x}" for octet in data)


def sent(upstream: ScriptedUpstream) -> tuple[str, str, bytes]:
    (request,) = upstream.requests
    return request.method, request.target, request.body


# What it is


def test_serves_key_operations_alone(adapter: SecureKeyManager) -> None:
    assert [capability for capability in CAPABILITIES if isinstance(adapter, capability)] == [KeyOperations]


def test_describes_itself(adapter: SecureKeyManager) -> None:
    provider: Provider = adapter
    assert (provider.id, provider.type, provider.api_version) == ("nhn-keys", "nhn-secure-key-manager", "v1.0")


async def test_closes_twice_and_without_start(upstream: ScriptedUpstream) -> None:
    async with connected(upstream) as adapter:
        await adapter.close()
    assert upstream.requests == []


# confirm


@pytest.mark.parametrize("spelling", ["clientSentCerfificate", "clientSentCertificate"])
@pytest.mark.parametrize("value", [True, False, "true"])
async def test_client_info(upstream: ScriptedUpstream, adapter: SecureKeyManager, spelling: str, value: object) -> None:
    body = success(clientIp="0.0.0.0", clientMacHeader="00:00:00:00:00:00", **{spelling: value})
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    response = await adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call())
    assert sent(upstream) == ("GET", f"{BASE}/confirm", b"")
    assert response == keys.GetClientInfoResponse(
        client_ip="0.0.0.0", client_mac_address="00:00:00:00:00:00", client_certificate_sent=bool(value)
    )


async def test_client_info_without_mac(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    body = success(clientIp="192.0.2.7", clientMacHeader=None, clientSentCertificate=False)
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    response = await adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call())
    assert response == keys.GetClientInfoResponse(client_ip="192.0.2.7")


async def test_check_asks_confirm(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    body = success(clientIp="192.0.2.7", clientMacHeader=None, clientSentCertificate=False)
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    await adapter.check(call())
    assert sent(upstream) == ("GET", f"{BASE}/confirm", b"")


async def test_check_fails_with_the_upstream(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/confirm", body=failure("Invalid Appkey"))
    with pytest.raises(GatewayError):
        await adapter.check(call())


# secrets


async def test_secret(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret="비밀 data"))
    response = await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())
    assert sent(upstream) == ("GET", f"{BASE}/secrets/s1", b"")
    assert response == keys.GetSecretResponse(payload="비밀 data".encode())


async def test_empty_secret_is_a_secret(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret=""))
    assert (await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())).payload == b""


@pytest.mark.parametrize(
    ("identifier", "encoded"),
    [
        ("a b", "a%20b"),
        ("a%2Fb", "a%252Fb"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("키", "%ED%82%A4"),
        ("...", "..."),
        ("a;b=c+d", "a%3Bb%3Dc%2Bd"),
        ("a\\..\\b", "a%5C..%5Cb"),
    ],
)
async def test_ids_are_percent_encoded(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, identifier: str, encoded: str
) -> None:
    upstream.answer("GET", f"{BASE}/secrets/{encoded}", body=success(secret="x"))
    upstream.answer("POST", f"{BASE}/symmetric-keys/{encoded}/encrypt", body=success(ciphertext="c"))
    upstream.answer("POST", f"{BASE}/asymmetric-keys/{encoded}/sign", body=success(signature="s"))
    name = f"{PROVIDER}/keys/{identifier}"
    await adapter.get_secret(keys.GetSecretRequest(name=f"{PROVIDER}/secrets/{identifier}"), call())
    await adapter.encrypt(keys.EncryptRequest(name=name), call())
    await adapter.sign(keys.SignRequest(name=name), call())


# encrypt and decrypt


async def test_encrypt_sends_text_as_it_is(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=1))
    plaintext = 'data "é" \\ \n\0 한'.encode()
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=plaintext), call())
    body = '{"plaintext":"data \\"é\\" \\\\ \\n\\u0000 한"}'.encode()
    assert sent(upstream) == ("POST", f"{SYMMETRIC}/encrypt", body)
    assert upstream.requests[0].headers["Content-Type"] == "application/json"
    assert response == keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=1)


async def test_encrypt_base64(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=1))
    request = keys.EncryptRequest(name=KEY, plaintext=b"\xff\x00\x80", encoding=keys.ENCODING_BASE64)
    await adapter.encrypt(request, call())
    assert upstream.requests[0].body == b'{"plaintext":"/wCA"}'


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (2**31 - 1, 2**31 - 1), ("3", 3), (None, None)])
async def test_key_version_has_presence(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, given: object, expected: int | None
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=given))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"data"), call())
    assert response.HasField("key_version") == (expected is not None)
    assert response == keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=expected)


async def test_absent_key_version(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert not response.HasField("key_version")


async def test_decrypt(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="data 한", keyVersion=1))
    response = await adapter.decrypt(keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT), call())
    body = b'{"ciphertext":"AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP"}'
    assert sent(upstream) == ("POST", f"{SYMMETRIC}/decrypt", body)
    assert response == keys.DecryptResponse(plaintext="data 한".encode(), key_version=1)


async def test_decrypt_base64(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="/wCA", keyVersion=0))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=keys.ENCODING_BASE64)
    response = await adapter.decrypt(request, call())
    assert response == keys.DecryptResponse(plaintext=b"\xff\x00\x80", key_version=0)


@pytest.mark.parametrize("encoding", [keys.ENCODING_UTF8, keys.ENCODING_BASE64])
async def test_decrypt_to_nothing(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, encoding: keys.Encoding.ValueType
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="", keyVersion=1))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=encoding)
    assert await adapter.decrypt(request, call()) == keys.DecryptResponse(plaintext=b"", key_version=1)


@pytest.mark.parametrize(
    "text", ["plain data", "AAA", "AAAA=", "AA==AA==", "=", "AAB=", "AA-_", " AAAA", "AAAA\n", "한국어한"]
)
async def test_decrypted_text_that_is_not_base64(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, text: str
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext=text, keyVersion=1))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=keys.ENCODING_BASE64)
    with pytest.raises(GatewayError) as caught:
        await adapter.decrypt(request, call())
    assert caught.value.outcome == PLAINTEXT_NOT_BASE64
    assert caught.value.resource == KEY
    assert caught.value.metadata == {"provider": "nhn-keys"}
    assert text not in str(caught.value)


# create-local-key


async def test_data_key(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    sample = "srV7MWkYIfYBknkASzwSEK1Z1y9Nx0f/RMZ3MSVIjm8="
    ciphertext = "v1s1WkiIj3KR+AafnupNv9xcX/JhL4GUzUr8mzLRpjbGuoAwU/GgboM/6QdRRY24"
    body = success(localKeyPlaintext=sample, localKeyCiphertext=ciphertext, keyVersion=1)
    upstream.answer("POST", f"{SYMMETRIC}/create-local-key", body=body)
    response = await adapter.generate_data_key(keys.GenerateDataKeyRequest(name=KEY), call())
    assert sent(upstream) == ("POST", f"{SYMMETRIC}/create-local-key", b"")
    assert upstream.requests[0].headers["Content-Type"] == "application/json"
    assert response == keys.GenerateDataKeyResponse(
        plaintext=base64.b64decode(sample), ciphertext=ciphertext, key_version=1
    )


# symmetric-key


async def test_symmetric_key_of_v1_0(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{SYMMETRIC}/symmetric-key", body=success(symmetricKey=AES_SAMPLE))
    response = await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call())
    assert sent(upstream) == ("GET", f"{SYMMETRIC}/symmetric-key", b"")
    assert response == keys.GetSymmetricKeyResponse(key_material=AES_SAMPLE_BYTES)
    assert not response.HasField("key_version")


@pytest.mark.parametrize("version", [0, 1, 2**31 - 1])
async def test_named_symmetric_key_version_is_asked_of_v1_1(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, version: int
) -> None:
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE, keyVersion=version))
    request = keys.GetSymmetricKeyRequest(name=f"{KEY}/versions/{version}")
    response = await adapter.get_symmetric_key(request, call())
    assert sent(upstream) == ("GET", f"{VERSIONED_SYMMETRIC}?keyVersion={version}", b"")
    assert response == keys.GetSymmetricKeyResponse(key_material=AES_SAMPLE_BYTES, key_version=version)


async def test_v1_1_of_one_call_gets_the_user_access_key(upstream: ScriptedUpstream) -> None:
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
async def test_later_versions_read_the_current_key_with_its_version(
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


# sign and verify


async def test_sign(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{ASYMMETRIC}/sign", body=success(signature=SIGNATURE, keyVersion=1))
    response = await adapter.sign(keys.SignRequest(name=KEY, plaintext=b"data"), call())
    assert sent(upstream) == ("POST", f"{ASYMMETRIC}/sign", b'{"plaintext":"data"}')
    assert response == keys.SignResponse(signature=SIGNATURE, key_version=1)


@pytest.mark.parametrize(("result", "expected"), [(True, True), (False, False), ("true", True), ("FALSE", False)])
async def test_verify(upstream: ScriptedUpstream, adapter: SecureKeyManager, result: object, *, expected: bool) -> None:
    upstream.answer("POST", f"{ASYMMETRIC}/verify", body=success(result=result, keyVersion=1))
    request = keys.VerifyRequest(name=KEY, plaintext=b"data", signature=SIGNATURE)
    response = await adapter.verify(request, call())
    body = b'{"plaintext":"data","signature":"AAAAAGI9zf831DX..."}'
    assert sent(upstream) == ("POST", f"{ASYMMETRIC}/verify", body)
    assert response == keys.VerifyResponse(verified=expected, key_version=1)


async def test_sign_and_verify_base64(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{ASYMMETRIC}/sign", body=success(signature=SIGNATURE))
    upstream.answer("POST", f"{ASYMMETRIC}/verify", body=success(result=True))
    encoding = keys.ENCODING_BASE64
    await adapter.sign(keys.SignRequest(name=KEY, plaintext=b"\xff", encoding=encoding), call())
    request = keys.VerifyRequest(name=KEY, plaintext=b"\xff", signature=SIGNATURE, encoding=encoding)
    await adapter.verify(request, call())
    assert [request.json() for request in upstream.requests] == [
        {"plaintext": "/w=="},
        {"plaintext": "/w==", "signature": SIGNATURE},
    ]


# Limits


async def use(adapter: SecureKeyManager, operation: str, plaintext: bytes, *, is_base64: bool) -> None:
    encoding = keys.ENCODING_BASE64 if is_base64 else keys.ENCODING_UNSPECIFIED
    if operation == "encrypt":
        await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=plaintext, encoding=encoding), call())
    elif operation == "sign":
        await adapter.sign(keys.SignRequest(name=KEY, plaintext=plaintext, encoding=encoding), call())
    else:
        request = keys.VerifyRequest(name=KEY, plaintext=plaintext, encoding=encoding, signature=SIGNATURE)
        await adapter.verify(request, call())


LIMITS = [
    ("encrypt", 32_768, False),
    ("encrypt", 24_576, True),
    ("sign", 245, False),
    ("sign", 183, True),
    ("verify", 245, False),
    ("verify", 183, True),
]


@pytest.mark.parametrize(("operation", "maximum", "is_base64"), LIMITS)
async def test_the_largest_plaintext_is_sent(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, maximum: int, *, is_base64: bool
) -> None:
    path = f"{SYMMETRIC if operation == 'encrypt' else ASYMMETRIC}/{operation}"
    upstream.answer("POST", path, body=success(ciphertext=CIPHERTEXT, signature=SIGNATURE, result=True))
    await use(adapter, operation, b"x" * maximum, is_base64=is_base64)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("operation", "maximum", "is_base64"), LIMITS)
async def test_a_larger_plaintext_is_refused_before_any_call(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, maximum: int, *, is_base64: bool
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await use(adapter, operation, b"x" * (maximum + 1), is_base64=is_base64)
    (violation,) = caught.value.violations
    assert violation.field == "plaintext"
    assert f"at most {maximum} bytes" in violation.description
    assert upstream.requests == []


@pytest.mark.parametrize("operation", ["encrypt", "sign", "verify"])
async def test_limits_count_bytes_not_characters(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str
) -> None:
    maximum = 32_768 if operation == "encrypt" else 245
    with pytest.raises(InvalidRequest) as caught:
        await use(adapter, operation, "한".encode() * (maximum // 3 + 1), is_base64=False)
    assert f"this has {(maximum // 3 + 1) * 3}" in caught.value.violations[0].description
    assert upstream.requests == []


async def test_bytes_that_are_not_utf8_are_refused(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await use(adapter, "encrypt", b"secret\xff", is_base64=False)
    assert caught.value.violations[0].field == "plaintext"
    assert caught.value.__context__ is None  # a UnicodeDecodeError would carry the plaintext
    assert upstream.requests == []


BAD_VERSIONS = ["latest", "-1", "+1", "1.0", "01", "00", "2147483648", "99999999999", "1 ", "١", "１", "1e3", "0x1"]


@pytest.mark.parametrize("version", BAD_VERSIONS)
async def test_bad_versions_are_refused_before_any_call(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, version: str
) -> None:
    name = f"{KEY}/versions/{version}"
    calls: tuple[Callable[[], Coroutine[Any, Any, object]], ...] = (
        lambda: adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=name), call()),
        lambda: adapter.get_private_key(keys.GetPrivateKeyRequest(name=name), call()),
        lambda: adapter.get_public_key(keys.GetPublicKeyRequest(name=name), call()),
    )
    for ask in calls:
        with pytest.raises(InvalidRequest) as caught:
            await ask()
        assert [violation.field for violation in caught.value.violations] == ["name"]
    assert upstream.requests == []


# privateKey and publicKey


def private_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def both_forms(kind: str, der: bytes, version: int) -> dict[str, object]:
    """As in the sample: hexadecimal bytes with a trailing comma before a line break, Base64 in lines."""
    encoded = base64.b64encode(der).decode()
    lines = "\n     ".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    return success(keyType=kind, key=hexadecimal(der) + ",\n   ", encodedKey=lines, keyVersion=version)


@pytest.mark.parametrize(
    ("suffix", "query"), [("", ""), ("/versions/0", "?keyVersion=0"), ("/versions/7", "?keyVersion=7")]
)
async def test_private_key(
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
async def test_public_key(
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
async def test_one_form_of_a_key_is_enough(upstream: ScriptedUpstream, adapter: SecureKeyManager, left: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = private_der(key)
    forms = {"key": hexadecimal(der), "encodedKey": base64.b64encode(der).decode()}
    body = success(keyType="PrivateKey", **{name: text if name == left else None for name, text in forms.items()})
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=body)
    response = await adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call())
    assert response.pkcs8_der == der
    assert not response.HasField("key_version")


# Credentials


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.0", {}),
        ("v1.1", {"X-TC-AUTHENTICATION-ID": "uak-id", "X-TC-AUTHENTICATION-SECRET": "uak-secret"}),
        ("v1.2", {"X-TC-AUTHENTICATION-ID": "uak-id", "X-TC-AUTHENTICATION-SECRET": "uak-secret"}),
        ("v1.3", {"X-NHN-Authorization": "Bearer token-1"}),
    ],
)
async def test_each_version_gets_the_credentials_it_knows(
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


async def test_mac_address_goes_with_every_request(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret="x"))
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT))
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext=""))
    upstream.answer("GET", VERSIONED_SYMMETRIC, body=success(symmetricKey=AES_SAMPLE))
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


async def test_calls_run_side_by_side(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    for number in range(20):
        upstream.answer("POST", f"{BASE}/symmetric-keys/{number}/encrypt", body=success(ciphertext=f"c{number}"))
    requests = [keys.EncryptRequest(name=f"{PROVIDER}/keys/{number}") for number in range(20)]
    responses = await asyncio.gather(*(adapter.encrypt(request, call()) for request in requests))
    assert [response.ciphertext for response in responses] == [f"c{number}" for number in range(20)]


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
async def test_client_certificate_is_shown(tmp_path: Path, form: str) -> None:
    ca_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = issue("ca", ca_key, "ca", ca_key, is_ca=True)
    ca_pem = authority.public_bytes(Encoding.PEM)
    server = issue("server", server_key, "ca", ca_key)
    client = issue("client", client_key, "ca", ca_key)
    pem = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + server.public_bytes(
        Encoding.PEM
    )
    (tmp_path / "server.pem").write_bytes(pem)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=ca_pem.decode())
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
