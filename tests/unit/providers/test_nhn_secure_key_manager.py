"""The Secure Key Manager adapter: client info, secrets, and IDs in paths."""

import asyncio

import pytest

from gateway.errors import GatewayError
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import (
    BASE,
    PROVIDER,
    SECRET,
    call,
    connected,
    failure,
    sent,
    success,
)
from tests.support.scripted_upstream import ScriptedUpstream


def test_adapter_has_id_type_and_api_version(adapter: SecureKeyManager) -> None:
    assert (adapter.id, adapter.type, adapter.api_version) == ("nhn-keys", "nhn-secure-key-manager", "v1.0")


async def test_close_can_be_repeated(upstream: ScriptedUpstream) -> None:
    async with connected(upstream) as adapter:
        await adapter.close()
    assert upstream.requests == []


# confirm


@pytest.mark.parametrize("spelling", ["clientSentCerfificate", "clientSentCertificate"])
@pytest.mark.parametrize("value", [True, False, "true"])
async def test_client_info_accepts_both_spellings(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, spelling: str, value: object
) -> None:
    body = success(clientIp="0.0.0.0", clientMacHeader="00:00:00:00:00:00", **{spelling: value})
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    response = await adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call())
    assert sent(upstream) == ("GET", f"{BASE}/confirm", b"")
    assert response == keys.GetClientInfoResponse(
        client_ip="0.0.0.0", client_mac_address="00:00:00:00:00:00", client_certificate_sent=bool(value)
    )


async def test_client_info_without_a_mac_address(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    body = success(clientIp="192.0.2.7", clientMacHeader=None, clientSentCertificate=False)
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    response = await adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call())
    assert response == keys.GetClientInfoResponse(client_ip="192.0.2.7")


async def test_health_check_calls_confirm(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    body = success(clientIp="192.0.2.7", clientMacHeader=None, clientSentCertificate=False)
    upstream.answer("GET", f"{BASE}/confirm", body=body)
    await adapter.check(call())
    assert sent(upstream) == ("GET", f"{BASE}/confirm", b"")


async def test_health_check_fails_if_the_call_fails(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/confirm", body=failure("Invalid Appkey"))
    with pytest.raises(GatewayError):
        await adapter.check(call())


# secrets


async def test_secret_is_returned_as_utf8(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=success(secret="비밀 data"))
    response = await adapter.get_secret(keys.GetSecretRequest(name=SECRET), call())
    assert sent(upstream) == ("GET", f"{BASE}/secrets/s1", b"")
    assert response == keys.GetSecretResponse(payload="비밀 data".encode())


async def test_empty_secret_is_returned(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
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


# Many calls


async def test_calls_run_concurrently(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    for number in range(20):
        upstream.answer("POST", f"{BASE}/symmetric-keys/{number}/encrypt", body=success(ciphertext=f"c{number}"))
    requests = [keys.EncryptRequest(name=f"{PROVIDER}/keys/{number}") for number in range(20)]
    responses = await asyncio.gather(*(adapter.encrypt(request, call()) for request in requests))
    assert [response.ciphertext for response in responses] == [f"c{number}" for number in range(20)]
