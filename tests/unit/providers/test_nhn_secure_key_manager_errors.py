"""What the Secure Key Manager adapter makes of failures: each row of its table, the HTTP status, misshapen answers."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from google.rpc import code_pb2

from gateway.errors import MALFORMED_PROVIDER_RESPONSE, MalformedResponse, UpstreamError
from gateway.providers.nhn_secure_key_manager import SecureKeyManager
from gateway.providers.nhn_secure_key_manager.errors import row_of
from gateway.upstream import outcomes
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1 import key_service_pb2 as keys
from tests.support.scripted_upstream import ScriptedUpstream
from tests.unit.providers.secure_key_manager import (
    AES_SAMPLE,
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

ENCRYPT = f"{SYMMETRIC}/encrypt"

EXPECTED = {
    "Invalid Key ID": ("NOT_FOUND", "KEY_NOT_FOUND"),
    "Invalid Key Version": ("NOT_FOUND", "KEY_VERSION_NOT_FOUND"),
    "Invalid User Data": ("INVALID_ARGUMENT", "INVALID_USER_DATA"),
    "Invalid Key Status": ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    "Invalid Key Version Status": ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    "Invalid Appkey": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "IPv4 Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "MAC Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "Certificate Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "URL NOT FOUND": ("UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND"),
}

Ask = Callable[[SecureKeyManager], Coroutine[Any, Any, object]]

CALLS: Mapping[str, tuple[str, str, Ask]] = {
    "confirm": (
        "GET",
        f"{BASE}/confirm",
        lambda adapter: adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call()),
    ),
    "secrets": (
        "GET",
        f"{BASE}/secrets/s1",
        lambda adapter: adapter.get_secret(keys.GetSecretRequest(name=SECRET), call()),
    ),
    "encrypt": (
        "POST",
        ENCRYPT,
        lambda adapter: adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"p"), call()),
    ),
    "decrypt": (
        "POST",
        f"{SYMMETRIC}/decrypt",
        lambda adapter: adapter.decrypt(keys.DecryptRequest(name=KEY, ciphertext="c"), call()),
    ),
    "create-local-key": (
        "POST",
        f"{SYMMETRIC}/create-local-key",
        lambda adapter: adapter.generate_data_key(keys.GenerateDataKeyRequest(name=KEY), call()),
    ),
    "symmetric-key": (
        "GET",
        f"{SYMMETRIC}/symmetric-key",
        lambda adapter: adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call()),
    ),
    "sign": (
        "POST",
        f"{ASYMMETRIC}/sign",
        lambda adapter: adapter.sign(keys.SignRequest(name=KEY, plaintext=b"p"), call()),
    ),
    "verify": (
        "POST",
        f"{ASYMMETRIC}/verify",
        lambda adapter: adapter.verify(keys.VerifyRequest(name=KEY, plaintext=b"p", signature="s"), call()),
    ),
    "privateKey": (
        "GET",
        f"{ASYMMETRIC}/privateKey",
        lambda adapter: adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call()),
    ),
    "publicKey": (
        "GET",
        f"{ASYMMETRIC}/publicKey",
        lambda adapter: adapter.get_public_key(keys.GetPublicKeyRequest(name=KEY), call()),
    ),
}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def adapter(upstream: ScriptedUpstream) -> AsyncIterator[SecureKeyManager]:
    async with connected(upstream) as connected_adapter:
        yield connected_adapter


async def refused(adapter: SecureKeyManager, operation: str = "encrypt") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await CALLS[operation][2](adapter)
    return caught.value


def names(error: UpstreamError) -> tuple[str, str]:
    reason = reasons.ErrorReason.Name(error.outcome.reason).removeprefix("ERROR_REASON_")
    return code_pb2.Code.Name(error.outcome.code), reason


# The table


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("message", EXPECTED)
async def test_each_message_in_each_call(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, message: str, operation: str
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=failure(message, code=-7))
    error = await refused(adapter, operation)
    assert names(error) == EXPECTED[message]
    assert error.metadata == {"provider": "nhn-keys", "upstream_code": message, "http_status": "200"}
    assert error.upstream_message == f"{message} (resultCode -7)"
    assert error.provider == "nhn-keys"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("message", EXPECTED)
async def test_the_message_decides_whatever_the_status(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, message: str, status: int
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=failure(message))
    error = await refused(adapter)
    assert names(error) == EXPECTED[message]
    assert error.http_status == status


@pytest.mark.parametrize(
    ("message", "row"),
    [
        ("INVALID KEY ID", "Invalid Key ID"),
        ("invalid keyid", None),
        ("  Invalid  Key\tID. ", "Invalid Key ID"),
        ("Invalid Key ID: k1", "Invalid Key ID"),
        ("Invalid Key ID (k1)", "Invalid Key ID"),
        ("Invalid Key IDs", None),
        ("Invalid Key Version Status", "Invalid Key Version Status"),
        ("invalid key version status: stop", "Invalid Key Version Status"),
        ("Invalid Key Version 9", "Invalid Key Version"),
        ("invalid AppKey.", "Invalid Appkey"),
        ("ipv4 auth failure", "IPv4 Auth Failure"),
        ("url not found", "URL NOT FOUND"),
        ("plaintext 'Invalid Key ID' is too long", None),
        ("Invalid", None),
        ("", None),
        ("...", None),
    ],
)
def test_messages_are_matched_with_care(message: str, row: str | None) -> None:
    found = row_of(message)
    assert (found.upstream_code if found else None) == row


def test_the_table_lists_every_message_and_the_http_rows(adapter: SecureKeyManager) -> None:
    rows = adapter.status_rows()
    codes = [row.upstream_code for row in rows]
    assert codes[: len(EXPECTED)] == list(EXPECTED)
    assert {"HTTP 401", "HTTP 404", "HTTP 429", "HTTP 503"} <= set(codes)
    assert len(set(codes)) == len(codes)
    assert all(row.meaning for row in rows)


# Which resource is at fault


async def test_a_missing_secret_is_named(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=failure("Invalid Key ID"))
    error = await refused(adapter, "secrets")
    assert error.resource == SECRET
    assert SECRET in error.message


async def test_the_key_of_a_version_is_named_where_the_key_is_missing(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=failure("Invalid Key ID"))
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=failure("Invalid Key Version"))
    request = keys.GetPublicKeyRequest(name=f"{KEY}/versions/9")
    with pytest.raises(UpstreamError) as missing_key:
        await adapter.get_public_key(request, call())
    with pytest.raises(UpstreamError) as missing_version:
        await adapter.get_public_key(request, call())
    assert missing_key.value.resource == KEY
    assert missing_version.value.resource == f"{KEY}/versions/9"


async def test_refused_credentials_are_no_resources_fault(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("MAC Auth Failure"))
    assert (await refused(adapter)).resource is None


# Without a known message


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, outcomes.UNRECOGNIZED),
        (400, outcomes.UNRECOGNIZED),
        (401, outcomes.CREDENTIALS_REJECTED),
        (403, outcomes.CREDENTIALS_REJECTED),
        (404, outcomes.UNRECOGNIZED),
        (429, outcomes.RATE_LIMITED),
        (500, outcomes.INTERNAL),
        (502, outcomes.UNAVAILABLE),
        (503, outcomes.UNAVAILABLE),
        (504, outcomes.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("message", ["Something new", "", None])
async def test_unknown_messages_go_by_the_status(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, status: int, outcome: object, message: str
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=failure(message, code=90001))
    error = await refused(adapter)
    assert error.outcome == outcome
    assert error.upstream_code == "90001"


@pytest.mark.parametrize(
    "body", ["", "<html><h1>Oops</h1></html>", "{", "[]", "null", '{"message": "x"}', '{"header": 1}']
)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, outcomes.UNRECOGNIZED),
        (401, outcomes.CREDENTIALS_REJECTED),
        (403, outcomes.CREDENTIALS_REJECTED),
        (404, outcomes.API_NOT_FOUND),
        (418, outcomes.UNRECOGNIZED),
        (429, outcomes.RATE_LIMITED),
        (500, outcomes.INTERNAL),
        (501, outcomes.INTERNAL),
        (502, outcomes.UNAVAILABLE),
        (503, outcomes.UNAVAILABLE),
        (504, outcomes.UNAVAILABLE),
    ],
)
async def test_failures_without_an_envelope(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, status: int, outcome: object, body: str
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=body)
    error = await refused(adapter)
    assert error.outcome == outcome
    assert error.metadata == {"provider": "nhn-keys", "http_status": str(status)}


@pytest.mark.parametrize("body", ["busy", json.dumps(failure("Too many requests"))])
@pytest.mark.parametrize(("status", "retry_after"), [(429, 30.0), (502, 30.0), (503, 30.0)])
async def test_retry_after(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, body: str, status: int, retry_after: float
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, headers={"Retry-After": "30"}, body=body)
    assert (await refused(adapter)).retry_after == retry_after


@pytest.mark.parametrize("rest", [{}, {"body": None}, {"body": {}}, {"body": "x"}, {"extra": 1}])
async def test_a_failure_needs_no_body(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rest: dict[str, object]
) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("Invalid User Data", code=None, **rest))
    error = await refused(adapter)
    assert names(error) == EXPECTED["Invalid User Data"]
    assert error.upstream_message == "Invalid User Data"


# The header decides


async def test_the_header_says_success_whatever_the_status(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("POST", ENCRYPT, status=500, body=success(ciphertext="c", keyVersion=1))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert response == keys.EncryptResponse(ciphertext="c", key_version=1)


async def test_a_success_that_is_none_goes_by_the_status(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", ENCRYPT, status=503, body=success())
    assert (await refused(adapter)).outcome == outcomes.UNAVAILABLE


async def test_extra_fields_and_other_types_are_tolerated(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    header = {"resultCode": "0", "resultMessage": "SUCCESS", "isSuccessful": "true", "traceId": "t"}
    answer = {"header": header, "body": {"ciphertext": "c", "keyVersion": "2", "more": [1]}, "links": {}}
    upstream.answer(
        "POST", ENCRYPT, headers={"Content-Type": "text/plain"}, body=b"\xef\xbb\xbf" + json.dumps(answer).encode()
    )
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert response == keys.EncryptResponse(ciphertext="c", key_version=2)


# What may be told


async def test_secrets_that_are_echoed_are_cleaned(upstream: ScriptedUpstream) -> None:
    values = {
        "api_version": "v1.2",
        "app_key": "app/key-1",
        "user_access_key": {"id": "uak-id-1", "secret": "uak-secret-1"},
    }
    path = "/keymanager/v1.2/appkey/app%2Fkey-1/symmetric-keys/k1/encrypt"
    echo = "<b>No</b> app/key-1 app%2Fkey-1 uak-id-1 uak-secret-1 the plaintext\nat com.Foo.bar(Foo.java:1)"
    upstream.answer("POST", path, body=failure(echo, code=5))
    async with connected(upstream, **values) as adapter:
        with pytest.raises(UpstreamError) as caught:
            await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"the plaintext"), call())
    assert caught.value.upstream_message == "No *** *** *** *** *** (resultCode 5)"
    assert "No" not in caught.value.message


async def test_upstream_text_is_not_told_to_the_caller(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("Invalid User Data: marker-1"))
    error = await refused(adapter)
    assert "marker-1" not in f"{error} {error.metadata} {error.resource}"
    assert APP_KEY not in f"{error} {error.metadata}"


# Successes that are none


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
async def test_misshapen_answers(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, body: bytes
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=body)
    error = await refused(adapter, operation)
    assert isinstance(error, MalformedResponse)
    assert error.outcome == MALFORMED_PROVIDER_RESPONSE
    assert error.http_status == 200


@pytest.mark.parametrize("operation", CALLS)
async def test_answers_that_are_cut_off(upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str) -> None:
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


def hexadecimal(data: bytes) -> str:
    return ", ".join(f"0x{octet:02x}" for octet in data)


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
async def test_wrong_fields(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, body: dict[str, object]
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=json.dumps(success(**body)).encode())
    error = await refused(adapter, operation)
    assert isinstance(error, MalformedResponse)
    for value in body.values():
        assert not (isinstance(value, str) and len(value) > 8 and value[:8] in str(error))


@pytest.mark.parametrize("answered", [0, 3])
async def test_a_key_of_another_version_than_asked_for(
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


async def test_a_redirect_is_not_followed(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", ENCRYPT, status=302, headers={"Location": f"{upstream.url}/elsewhere"})
    assert isinstance(await refused(adapter), MalformedResponse)
    assert len(upstream.requests) == 1
