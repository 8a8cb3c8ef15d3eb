"""Plaintexts at the size limits of Secure Key Manager, in both encodings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import Stack
from tests.support.valid_requests import call, upstream_targets
from tests.support.wire import failure_of

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")
AES = "providers/nhn-keys/keys/orders-key"
RSA = "providers/nhn-keys/keys/demo-rsa"
UTF8, BASE64 = keys.ENCODING_UTF8, keys.ENCODING_BASE64
ENCRYPT_LIMIT = 32 * 1024
SIGN_LIMIT = 245


@pytest.fixture(autouse=True)
async def keeps_serving(quiet_stack: Stack) -> AsyncIterator[None]:
    yield
    assert (await call(quiet_stack.gateway, "Encrypt")).ciphertext


def request_for(method: str, plaintext: bytes, encoding: Any) -> Any:
    if method == "Encrypt":
        return keys.EncryptRequest(name=AES, plaintext=plaintext, encoding=encoding)
    if method == "Sign":
        return keys.SignRequest(name=RSA, plaintext=plaintext, encoding=encoding)
    return keys.VerifyRequest(name=RSA, plaintext=plaintext, encoding=encoding, signature="c2lnbmF0dXJl")


@pytest.mark.parametrize("method", ["Encrypt", "Sign", "Verify"])
@pytest.mark.parametrize("plaintext", [b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf"], ids=repr)
async def test_invalid_utf8_is_rejected_with_a_hint_to_base64(
    quiet_stack: Stack, method: str, plaintext: bytes
) -> None:
    for encoding in (UTF8, keys.ENCODING_UNSPECIFIED):
        failure = await failure_of(call(quiet_stack.gateway, method, request_for(method, plaintext, encoding)))
        assert failure.kind == INVALID
        assert failure.fields == ["plaintext"]
        assert "BASE64" in failure.violations[0].description
    assert not await upstream_targets(quiet_stack)


TOO_LONG = [
    ("Encrypt", b"x" * (ENCRYPT_LIMIT + 1), UTF8, "32768"),
    ("Encrypt", "한".encode() * (ENCRYPT_LIMIT // 3 + 1), UTF8, "32768"),
    ("Encrypt", b"\xff" * (ENCRYPT_LIMIT // 4 * 3 + 1), BASE64, "24576"),
    ("Encrypt", b"\0" * 5_000_000, BASE64, "24576"),
    ("Sign", b"x" * (SIGN_LIMIT + 1), UTF8, "245"),
    ("Sign", "한".encode() * 82, UTF8, "245"),
    ("Sign", b"\xff" * 184, BASE64, "183"),
    ("Verify", b"x" * (SIGN_LIMIT + 1), UTF8, "245"),
    ("Verify", b"\xff" * 184, BASE64, "183"),
]


@pytest.mark.parametrize("case", TOO_LONG, ids=lambda case: f"{case[0]} {len(case[1])} bytes, encoding {case[2]}")
async def test_oversized_plaintext_is_rejected_with_the_limit(
    quiet_stack: Stack, case: tuple[str, bytes, Any, str]
) -> None:
    method, plaintext, encoding, limit = case
    failure = await failure_of(call(quiet_stack.gateway, method, request_for(method, plaintext, encoding)))
    assert failure.kind == INVALID
    assert failure.fields == ["plaintext"]
    assert limit in failure.violations[0].description
    assert not await upstream_targets(quiet_stack)


@pytest.mark.parametrize(
    ("plaintext", "encoding"),
    [
        (b"x" * ENCRYPT_LIMIT, UTF8),
        ("한".encode() * (ENCRYPT_LIMIT // 3), UTF8),
        (bytes(range(256)) * (ENCRYPT_LIMIT // 4 * 3 // 256), BASE64),
        (b"", UTF8),
        (b"", BASE64),
        ('quotes " \\ \r\n\t\0 \x85   ; {"a": 1} %00 +& 한글 🔑'.encode(), UTF8),
        (b"\xef\xbb\xbfwith a byte-order mark", UTF8),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
async def test_plaintext_within_the_limit_round_trips(quiet_stack: Stack, plaintext: bytes, encoding: Any) -> None:
    service = quiet_stack.gateway.keys
    encrypted = await service.Encrypt(request_for("Encrypt", plaintext, encoding))
    request = keys.DecryptRequest(name=AES, ciphertext=encrypted.ciphertext, encoding=encoding)
    assert (await service.Decrypt(request)).plaintext == plaintext


@pytest.mark.parametrize(("plaintext", "encoding"), [(b"x" * SIGN_LIMIT, UTF8), (b"\xff" * 183, BASE64)])
async def test_signature_at_the_limit_verifies(quiet_stack: Stack, plaintext: bytes, encoding: Any) -> None:
    service = quiet_stack.gateway.keys
    signed = await service.Sign(request_for("Sign", plaintext, encoding))
    request = request_for("Verify", plaintext, encoding)
    request.signature = signed.signature
    assert (await service.Verify(request)).verified


async def test_ciphertext_reaches_the_upstream_unchanged(quiet_stack: Stack) -> None:
    """Ciphertexts are opaque: the upstream rejects invalid ones."""
    for ciphertext in ("x", '한글\r\n\0"\\', "{}", "A" * 100_000):
        failure = await failure_of(
            call(quiet_stack.gateway, "Decrypt", keys.DecryptRequest(name=AES, ciphertext=ciphertext))
        )
        assert failure.kind == ("INVALID_ARGUMENT", "INVALID_USER_DATA")
    assert len(await upstream_targets(quiet_stack)) == 4
