"""Successful upstream responses with invalid content: each one is MALFORMED_PROVIDER_RESPONSE."""

import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.gateway_settings import GatewaySettings
from tests.support.archives import stored, zipped
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.wire import Failure, failure_of

MALFORMED = ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE")
KIND = {KEYS: KEY_MANAGER, CERTIFICATES: CERTIFICATE_MANAGER, WARP: ASTERIA}
CALLS = [
    pytest.param(KEYS, "Encrypt", id="SKM encrypt"),
    pytest.param(KEYS, "GetSecret", id="SKM secrets"),
    pytest.param(KEYS, "GetPrivateKey", id="SKM privateKey"),
    pytest.param(CERTIFICATES, "ListCertificates", id="CM list"),
    pytest.param(CERTIFICATES, "DownloadCertificate", id="CM download"),
    pytest.param(WARP, "GetCertificate", id="ASTERIA show"),
    pytest.param(WARP, "ListTrustedAuthorities", id="ASTERIA ca/list"),
    pytest.param(WARP, "DownloadCertificate", id="ASTERIA export"),
    pytest.param(WARP, "GetCertificateSigningRequest", id="ASTERIA csr/download"),
]
API = "^/(?!mcapi/auth)"


def assert_malformed(failure: Failure, provider: str, http_status: int = 200) -> None:
    assert failure.kind == MALFORMED
    assert failure.retry is None
    assert failure.metadata == {"provider": provider, "http_status": str(http_status)}


@pytest.mark.parametrize(("provider", "method"), CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        {"mode": "cut_off"},
        {"mode": "html", "status": 200},
        {"mode": "raw", "body": ""},
        {"mode": "raw", "body": "not JSON"},
        {"mode": "raw", "body": "[]"},
        {"mode": "raw", "body": "null"},
        {"mode": "raw", "body": '{"header": {}, "result": {}}'},
        {"mode": "raw", "body": '{"header": {"isSuccessful": true}, "body": 7}'},
        {"mode": "raw", "body": '{"result": {"status": "success", "data": 7}}'},
        {"mode": "raw", "body": "[" * 100_000},
        {"mode": "raw", "body": "", "headers": {"Content-Encoding": "gzip"}},
    ],
    ids=lambda fault: f"{fault['mode']} {fault.get('body', '')[:60]}",
)
async def test_success_with_an_invalid_body_is_malformed(
    quiet_stack: Stack, provider: str, method: str, fault: dict[str, Any]
) -> None:
    await quiet_stack.controls[KIND[provider]].fail(path=API, **fault)
    failure = await failure_of(call(quiet_stack.gateway, method, valid_request(method, provider)))
    assert_malformed(failure, provider)


@pytest.mark.parametrize(("provider", "method"), CALLS)
async def test_redirect_is_not_followed(quiet_stack: Stack, provider: str, method: str) -> None:
    control = quiet_stack.controls[KIND[provider]]
    await control.fail(mode="redirect", path=API)
    failure = await failure_of(call(quiet_stack.gateway, method, valid_request(method, provider)))
    assert_malformed(failure, provider, 302)
    assert not [request for request in await control.requests() if "elsewhere" in request["target"]]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as server:
        yield server


def scripted(stack: Stack, upstream: ScriptedUpstream) -> GatewaySettings:
    """Return a gateway with all three providers over the scripted upstream."""
    warp = stack.provider(WARP, endpoint=upstream.url, session_id="scripted-session")
    del warp["login"]
    return stack.settings(
        stack.provider(KEYS, endpoint=upstream.url), stack.provider(CERTIFICATES, endpoint=upstream.url), warp
    )


KEY_PATH = "/keymanager/v1.0/appkey/keymanager-demo/symmetric-keys/orders-key"
PAIR_PATH = "/keymanager/v1.0/appkey/keymanager-demo/asymmetric-keys/demo-rsa"
FILES_PATH = "/certmanager/v1.2/appkeys/certmanager-demo/certificates/www.example.com/files"
EXPORT_PATH = "/mcapi/certificate/server/export"
CSR_PATH = "/mcapi/certificate/server/csr/download"


async def test_response_over_the_size_limit_is_malformed(quiet_stack: Stack, upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", FILES_PATH, body=b"-----BEGIN CERTIFICATE-----\n" * 600_000)
    async with Gateway(scripted(quiet_stack, upstream)) as gateway:
        request = valid_request("DownloadCertificate", CERTIFICATES)
        failure = await failure_of(call(gateway, "DownloadCertificate", request))
    assert_malformed(failure, CERTIFICATES)
    assert str(2 * 1024 * 1024) in failure.message


def envelope(**body: object) -> str:
    return json.dumps({"header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}, "body": body})


NO_KEY = base64.b64encode(b"no key at all").decode()
KEY_ANSWERS: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "a version below zero": ("POST", f"{KEY_PATH}/encrypt", "Encrypt", {"ciphertext": "x", "keyVersion": -1}),
    "a version over 32 bits": ("POST", f"{KEY_PATH}/encrypt", "Encrypt", {"ciphertext": "x", "keyVersion": 2**31}),
    "no ciphertext": ("POST", f"{KEY_PATH}/encrypt", "Encrypt", {"keyVersion": 1}),
    "a ciphertext that is a number": ("POST", f"{KEY_PATH}/encrypt", "Encrypt", {"ciphertext": 1}),
    "half a surrogate pair": ("POST", f"{KEY_PATH}/decrypt", "Decrypt", {"plaintext": "\ud800"}),
    "wrong Base64": (
        *("POST", f"{KEY_PATH}/create-local-key", "GenerateDataKey"),
        {"localKeyPlaintext": "*", "localKeyCiphertext": "x"},
    ),
    "a data key too short": (
        *("POST", f"{KEY_PATH}/create-local-key", "GenerateDataKey"),
        {"localKeyPlaintext": base64.b64encode(b"short").decode(), "localKeyCiphertext": "x"},
    ),
    "wrong hexadecimal": ("GET", f"{KEY_PATH}/symmetric-key", "GetSymmetricKey", {"symmetricKey": "0x0g, 0x00"}),
    "a key too short": ("GET", f"{KEY_PATH}/symmetric-key", "GetSymmetricKey", {"symmetricKey": "0x00"}),
    "a private key that is none": (
        *("GET", f"{PAIR_PATH}/privateKey", "GetPrivateKey"),
        {"keyType": "PrivateKey", "encodedKey": NO_KEY},
    ),
    "a public key that is none": (
        *("GET", f"{PAIR_PATH}/publicKey", "GetPublicKey"),
        {"keyType": "PublicKey", "encodedKey": NO_KEY},
    ),
    "a signature that is a list": ("POST", f"{PAIR_PATH}/sign", "Sign", {"signature": []}),
    "a result that is no boolean": ("POST", f"{PAIR_PATH}/verify", "Verify", {"result": "maybe"}),
}


@pytest.mark.parametrize("case", KEY_ANSWERS)
async def test_invalid_key_material_is_malformed(quiet_stack: Stack, upstream: ScriptedUpstream, case: str) -> None:
    method, path, name, body = KEY_ANSWERS[case]
    upstream.answer(method, path, body=envelope(**body), headers={"Content-Type": "application/json"})
    async with Gateway(scripted(quiet_stack, upstream)) as gateway:
        failure = await failure_of(call(gateway, name))
    assert_malformed(failure, KEYS)
    assert NO_KEY not in failure.message


PEM_FILES = {
    "no PEM": b"\x30\x82 not PEM",
    "a broken block": b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    "wrong Base64": b"-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n",
    "no certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "a failure of another kind": b'{"status": 200, "error": "none"}',
    "an envelope in place of the file": envelope().encode(),
}


@pytest.mark.parametrize("case", PEM_FILES)
async def test_file_that_is_not_a_certificate_is_malformed(
    quiet_stack: Stack, upstream: ScriptedUpstream, case: str
) -> None:
    upstream.answer("GET", FILES_PATH, body=PEM_FILES[case])
    async with Gateway(scripted(quiet_stack, upstream)) as gateway:
        request = valid_request("DownloadCertificate", CERTIFICATES)
        assert_malformed(await failure_of(call(gateway, "DownloadCertificate", request)), CERTIFICATES)


NO_FILE = ("neither X.509 nor PKCS#7", "contains no certificate", "is not a CSR")
ARCHIVES: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "no ZIP": (lambda: b"PK but no archive", ("not a ZIP archive",)),
    "cut off": (lambda: zipped({"a.pem": b"x" * 1000})[:-30], ("is damaged",)),
    "empty": (lambda: zipped({}), ("contains no certificate", "contains 0 files")),
    "no certificate in it": (lambda: zipped({"a.pem": b"hello"}), NO_FILE),
    "too many entries": (lambda: zipped({f"{number}.pem": b"x" for number in range(101)}), ("more than 100 entries",)),
    "a ratio over the limit": (lambda: zipped({"a.pem": b"\0" * 3_000_000}), ("exceeds the size limit",)),
    "an entry over the limit": (
        lambda: zipped({"a.pem": os.urandom(100_000) + b"\0" * 4_200_000}),
        ("exceeds the size limit",),
    ),
    "an archive over the limit": (lambda: stored(("a.pem", b"\0" * 2_200_000)), ("response is longer than",)),
    "an entry twice": (lambda: stored(("a.pem", b"x"), ("a.pem", b"y")), ("a duplicate entry",)),
    "sizes that lie": (
        lambda: zipped({"a.pem": b"\0" * 50_000}).replace(size_of(50_000), size_of(5)),
        ("is damaged", "exceeds the size limit"),
    ),
    "an archive in the archive": (lambda: zipped({"a.zip": zipped({"b.zip": zipped({"c.pem": b"x"})})}), NO_FILE),
    "nested DER": (lambda: zipped({"a.p7b": nested_der(20_000)}), NO_FILE),
}


def size_of(count: int) -> bytes:
    """Return a size in the format of archive headers."""
    return count.to_bytes(4, "little")


def nested_der(depth: int) -> bytes:
    """Return nested sequences, which exhaust the stack of a recursive parser."""
    content = b""
    for _ in range(depth):
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([0x83]) + size.to_bytes(3, "big")
        content = b"\x30" + length + content
    return content


@pytest.mark.parametrize("case", ARCHIVES)
@pytest.mark.parametrize(
    ("method", "path"), [("DownloadCertificate", EXPORT_PATH), ("GetCertificateSigningRequest", CSR_PATH)]
)
async def test_broken_or_hostile_archive_is_malformed(
    quiet_stack: Stack, upstream: ScriptedUpstream, case: str, method: str, path: str
) -> None:
    make, words = ARCHIVES[case]
    upstream.answer("POST", path, body=make(), headers={"Content-Type": "application/zip"})
    async with Gateway(scripted(quiet_stack, upstream)) as gateway:
        failure = await failure_of(call(gateway, method))
    assert_malformed(failure, WARP)
    assert any(word in failure.message for word in words), failure.message
