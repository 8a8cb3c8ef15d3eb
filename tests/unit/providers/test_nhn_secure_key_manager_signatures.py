"""sign and verify of Secure Key Manager."""

import pytest

from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import ASYMMETRIC, KEY, SIGNATURE, call, sent, success
from tests.support.scripted_upstream import ScriptedUpstream


async def test_sign_returns_the_signature(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{ASYMMETRIC}/sign", body=success(signature=SIGNATURE, keyVersion=1))
    response = await adapter.sign(keys.SignRequest(name=KEY, plaintext=b"data"), call())
    assert sent(upstream) == ("POST", f"{ASYMMETRIC}/sign", b'{"plaintext":"data"}')
    assert response == keys.SignResponse(signature=SIGNATURE, key_version=1)


@pytest.mark.parametrize(("result", "expected"), [(True, True), (False, False), ("true", True), ("FALSE", False)])
async def test_verify_returns_the_result(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, result: object, *, expected: bool
) -> None:
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
