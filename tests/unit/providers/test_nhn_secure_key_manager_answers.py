"""Successful responses of Secure Key Manager that are malformed, truncated, or have an invalid field."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway.errors import MALFORMED_PROVIDER_RESPONSE, MalformedResponse
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import AES_SAMPLE, APP_KEY, ASYMMETRIC, KEY, call, hexadecimal, success
from tests.support.providers.secure_key_manager_calls import CALLS, ENCRYPT, refused
from tests.support.scripted_upstream import ScriptedUpstream


def wrap(body: object) -> dict[str, object]:
    return success() | {"body": body}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b"<?xml version='1.0'?><result/>",
        b"{",
        b"[1]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        json.dumps({"header": {"resultCode": 0}, "body": {}}).encode(),
        json.dumps({"header": "success", "body": {}}).encode(),
        json.dumps(wrap(None)).encode(),
        json.dumps(wrap({})).encode(),
        json.dumps(wrap([])).encode(),
        json.dumps(wrap("x")).encode(),
        json.dumps({"header": success()["header"]}).encode(),
    ],
)
async def test_malformed_response_is_an_error(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, body: bytes
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=body)
    error = await refused(adapter, operation)
    assert isinstance(error, MalformedResponse)
    assert error.kind == MALFORMED_PROVIDER_RESPONSE
    assert error.http_status == 200


@pytest.mark.parametrize("operation", CALLS)
async def test_truncated_responses_are_malformed(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=success(secret="x"), cut_after=20)
    assert isinstance(await refused(adapter, operation), MalformedResponse)


def key_pair() -> dict[str, bytes]:
    key, elliptic = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    plain = NoEncryption()
    public = key.public_key()
    return {
        "pkcs8": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, plain),
        "encrypted": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")),
        "pkcs1": key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, plain),
        "sec1": elliptic.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, plain),
        "spki": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "public pkcs1": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
    }


KEYS = key_pair()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


PRIVATE, PUBLIC = base64_text(KEYS["pkcs8"]), base64_text(KEYS["spki"])
AES_BASE64 = base64_text(b"k" * 32)


def encoded(kind: str) -> dict[str, object]:
    return {"encodedKey": base64_text(KEYS[kind])}


WRONG: tuple[tuple[str, dict[str, object]], ...] = (
    ("confirm", {"clientIp": "x"}),
    ("confirm", {"clientIp": 1, "clientSentCertificate": True}),
    ("confirm", {"clientIp": "x", "clientSentCertificate": "maybe"}),
    ("confirm", {"clientIp": "x", "clientSentCertificate": True, "clientMacHeader": 5}),
    ("secrets", {"secret": {"a": 1}}),
    ("secrets", {"secret": "\ud800"}),
    ("encrypt", {"ciphertext": ""}),
    ("encrypt", {"ciphertext": 5}),
    ("encrypt", {"ciphertext": "\ud800"}),
    ("encrypt", {"ciphertext": "c", "keyVersion": -1}),
    ("encrypt", {"ciphertext": "c", "keyVersion": 2**31}),
    ("encrypt", {"ciphertext": "c", "keyVersion": 10**40}),
    ("encrypt", {"ciphertext": "c", "keyVersion": 1.5}),
    ("encrypt", {"ciphertext": "c", "keyVersion": True}),
    ("encrypt", {"ciphertext": "c", "keyVersion": "--5"}),
    ("decrypt", {"plaintext": None}),
    ("decrypt", {"plaintext": ["x"]}),
    ("create-local-key", {"localKeyPlaintext": AES_BASE64}),
    ("create-local-key", {"localKeyPlaintext": AES_BASE64, "localKeyCiphertext": ""}),
    ("create-local-key", {"localKeyPlaintext": base64_text(b"k" * 16), "localKeyCiphertext": "c"}),
    ("create-local-key", {"localKeyPlaintext": base64_text(b"k" * 33), "localKeyCiphertext": "c"}),
    ("create-local-key", {"localKeyPlaintext": AES_BASE64[:-1], "localKeyCiphertext": "c"}),
    ("create-local-key", {"localKeyPlaintext": "*" * 44, "localKeyCiphertext": "c"}),
    ("create-local-key", {"localKeyPlaintext": "", "localKeyCiphertext": "c"}),
    ("symmetric-key", {"symmetricKey": ""}),
    ("symmetric-key", {"symmetricKey": AES_SAMPLE[:-6]}),
    ("symmetric-key", {"symmetricKey": AES_SAMPLE + ", 0x00"}),
    ("symmetric-key", {"symmetricKey": AES_SAMPLE.replace("0x73", "0x7g")}),
    ("symmetric-key", {"symmetricKey": AES_SAMPLE.replace("0x73,", ",")}),
    ("symmetric-key", {"symmetricKey": AES_SAMPLE.replace("0x73", "...")}),
    ("symmetric-key", {"symmetricKey": [0] * 32}),
    ("sign", {"signature": ""}),
    ("verify", {"result": "yes"}),
    ("verify", {"result": 1}),
    ("privateKey", {"encodedKey": "", "key": " "}),
    ("privateKey", {"encodedKey": PRIVATE, "key": hexadecimal(KEYS["pkcs8"][:-1])}),
    ("privateKey", {"encodedKey": PRIVATE, "key": "0x30, 0x82 ... "}),
    ("privateKey", {"encodedKey": PRIVATE[:-8]}),
    ("privateKey", {"encodedKey": PRIVATE + "!"}),
    ("privateKey", {"encodedKey": "A" * 400_000}),
    ("privateKey", {"key": "0x30, " * 100_000}),
    ("privateKey", {"key": "0x30"}),
    ("privateKey", {"encodedKey": base64_text(KEYS["pkcs8"] + b"\0")}),
    *(("privateKey", encoded(kind)) for kind in KEYS if kind != "pkcs8"),
    ("privateKey", {"encodedKey": PRIVATE, "keyVersion": -1}),
    ("publicKey", {"encodedKey": PUBLIC, "key": hexadecimal(KEYS["pkcs8"])}),
    ("publicKey", {"encodedKey": PUBLIC[:-8]}),
    *(("publicKey", encoded(kind)) for kind in KEYS if kind != "spki"),
)


@pytest.mark.parametrize(("operation", "body"), WRONG, ids=[f"{i}-{row[0]}" for i, row in enumerate(WRONG)])
async def test_invalid_field_is_malformed_and_not_quoted(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, body: dict[str, object]
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=json.dumps(success(**body)).encode())
    error = await refused(adapter, operation)
    assert isinstance(error, MalformedResponse)
    for value in body.values():
        assert not (isinstance(value, str) and len(value) > 8 and value[:8] in str(error))


@pytest.mark.parametrize("answered", [0, 3])
async def test_key_of_another_version_is_malformed(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, answered: int
) -> None:
    path = f"/keymanager/v1.1/appkey/{APP_KEY}/symmetric-keys/k1/symmetric-key"
    upstream.answer("GET", path, body=success(symmetricKey=AES_SAMPLE, keyVersion=answered))
    upstream.answer("GET", f"{ASYMMETRIC}/privateKey", body=success(encodedKey=PRIVATE, keyVersion=answered))
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=success(encodedKey=PUBLIC, keyVersion=answered))
    name = f"{KEY}/versions/2"
    with pytest.raises(MalformedResponse):
        await adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=name), call())
    with pytest.raises(MalformedResponse):
        await adapter.get_private_key(keys.GetPrivateKeyRequest(name=name), call())
    with pytest.raises(MalformedResponse):
        await adapter.get_public_key(keys.GetPublicKeyRequest(name=name), call())


async def test_redirect_is_not_followed(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", ENCRYPT, status=302, headers={"Location": f"{upstream.url}/elsewhere"})
    assert isinstance(await refused(adapter), MalformedResponse)
    assert len(upstream.requests) == 1
