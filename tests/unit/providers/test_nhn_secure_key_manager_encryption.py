"""encrypt, decrypt, and create-local-key of Secure Key Manager, with the documented samples."""

import base64

import pytest

from gateway.errors import PLAINTEXT_NOT_BASE64, GatewayError
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import CIPHERTEXT, KEY, SYMMETRIC, call, sent, success
from tests.support.scripted_upstream import ScriptedUpstream

# encrypt and decrypt


async def test_encrypt_sends_text_unchanged(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=1))
    plaintext = 'data "é" \\ \n\0 한'.encode()
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=plaintext), call())
    body = '{"plaintext":"data \\"é\\" \\\\ \\n\\u0000 한"}'.encode()
    assert sent(upstream) == ("POST", f"{SYMMETRIC}/encrypt", body)
    assert upstream.requests[0].headers["Content-Type"] == "application/json"
    assert response == keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=1)


async def test_encrypt_sends_base64(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=1))
    request = keys.EncryptRequest(name=KEY, plaintext=b"\xff\x00\x80", encoding=keys.ENCODING_BASE64)
    await adapter.encrypt(request, call())
    assert upstream.requests[0].body == b'{"plaintext":"/wCA"}'


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (2**31 - 1, 2**31 - 1), ("3", 3), (None, None)])
async def test_key_version_is_set_even_if_it_is_0(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, given: object, expected: int | None
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT, keyVersion=given))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"data"), call())
    assert response.HasField("key_version") == (expected is not None)
    assert response == keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=expected)


async def test_missing_key_version_is_not_set(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/encrypt", body=success(ciphertext=CIPHERTEXT))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert not response.HasField("key_version")


async def test_decrypt_returns_the_plaintext(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="data 한", keyVersion=1))
    response = await adapter.decrypt(keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT), call())
    body = b'{"ciphertext":"AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP"}'
    assert sent(upstream) == ("POST", f"{SYMMETRIC}/decrypt", body)
    assert response == keys.DecryptResponse(plaintext="data 한".encode(), key_version=1)


async def test_decrypt_decodes_base64(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="/wCA", keyVersion=0))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=keys.ENCODING_BASE64)
    response = await adapter.decrypt(request, call())
    assert response == keys.DecryptResponse(plaintext=b"\xff\x00\x80", key_version=0)


@pytest.mark.parametrize("encoding", [keys.ENCODING_UTF8, keys.ENCODING_BASE64])
async def test_decrypt_returns_an_empty_plaintext(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, encoding: keys.Encoding.ValueType
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext="", keyVersion=1))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=encoding)
    assert await adapter.decrypt(request, call()) == keys.DecryptResponse(plaintext=b"", key_version=1)


@pytest.mark.parametrize("text", [" AAAA", "AAAA\n", "AA\r\nAA"])
async def test_white_space_in_decrypted_base64_is_ignored(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, text: str
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext=text, keyVersion=1))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=keys.ENCODING_BASE64)
    assert (await adapter.decrypt(request, call())).plaintext == b"\0\0\0"


@pytest.mark.parametrize("text", ["plain data", "AAA", "AAAA=", "AA==AA==", "=", "AAB=", "AA-_", "AAAA\0", "한국어한"])
async def test_decrypted_text_that_is_not_base64_is_an_error(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, text: str
) -> None:
    upstream.answer("POST", f"{SYMMETRIC}/decrypt", body=success(plaintext=text, keyVersion=1))
    request = keys.DecryptRequest(name=KEY, ciphertext=CIPHERTEXT, encoding=keys.ENCODING_BASE64)
    with pytest.raises(GatewayError) as caught:
        await adapter.decrypt(request, call())
    assert caught.value.kind == PLAINTEXT_NOT_BASE64
    assert caught.value.resource == KEY
    assert caught.value.metadata == {"provider": "nhn-keys"}
    assert text not in str(caught.value)


# create-local-key


async def test_data_key_and_its_ciphertext_are_returned(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
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
