"""The plaintext limits of Secure Key Manager, which are checked before a request is sent."""

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import ASYMMETRIC, CIPHERTEXT, KEY, SIGNATURE, SYMMETRIC, call, success
from tests.support.scripted_upstream import ScriptedUpstream


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
async def test_largest_plaintext_is_sent(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, operation: str, maximum: int, *, is_base64: bool
) -> None:
    path = f"{SYMMETRIC if operation == 'encrypt' else ASYMMETRIC}/{operation}"
    upstream.answer("POST", path, body=success(ciphertext=CIPHERTEXT, signature=SIGNATURE, result=True))
    await use(adapter, operation, b"x" * maximum, is_base64=is_base64)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(("operation", "maximum", "is_base64"), LIMITS)
async def test_plaintext_over_the_limit_is_rejected_before_any_request(
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
    assert f"has {(maximum // 3 + 1) * 3}" in caught.value.violations[0].description
    assert upstream.requests == []


async def test_bytes_that_are_not_utf8_are_rejected(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await use(adapter, "encrypt", b"secret\xff", is_base64=False)
    assert caught.value.violations[0].field == "plaintext"
    assert caught.value.__context__ is None  # a UnicodeDecodeError would carry the plaintext
    assert upstream.requests == []
