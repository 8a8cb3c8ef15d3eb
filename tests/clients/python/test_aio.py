"""The asyncio client over a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import keyway
from keyway.testing import Sandbox
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("sandbox")

KEY = "providers/nhn-keys/keys/orders-key"
ENCRYPT = keys.EncryptRequest(name=KEY, plaintext=b"order 42")
KEYS = "nhn-secure-key-manager"


@pytest.fixture
async def client(keyway_sandbox: Sandbox) -> AsyncIterator[Any]:
    keyway_sandbox.clear_faults()
    async with keyway.aio.connect(keyway_sandbox.plain, plaintext=True) as connected:
        yield connected


async def test_call_returns_response_and_trailers(client: Any) -> None:
    call = client.keys.Encrypt(ENCRYPT)
    assert (await call).ciphertext
    trailers = dict(tuple(await call.trailing_metadata()))
    assert {"keyway-request-id", "keyway-audit-receipt"} <= trailers.keys()


async def test_failed_call_raises_keyway_error(client: Any) -> None:
    with pytest.raises(keyway.KeywayError) as failure:
        await client.keys.Encrypt(keys.EncryptRequest(name=f"{KEY}-not", plaintext=b"x"))
    error = failure.value
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "KEY_NOT_FOUND")
    assert error.request_id
    assert error.receipt
    assert isinstance(error.__cause__, grpc.RpcError)


async def test_default_deadline_applies(keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail(KEYS, mode="stall")
    async with keyway.aio.connect(keyway_sandbox.plain, plaintext=True, deadline=0.3) as client:
        with pytest.raises(keyway.KeywayError) as failure:
            await client.keys.Encrypt(ENCRYPT)
    assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_canceled_task_cancels_its_call(client: Any, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.control(KEYS, "DELETE", "/history")
    keyway_sandbox.fail(KEYS, mode="stall")
    call = client.keys.Encrypt(ENCRYPT)

    async def wait() -> Any:
        return await call

    async def arrived() -> Any:
        return bool(keyway_sandbox.control(KEYS, "GET", "/history")["requests"])

    task = asyncio.create_task(wait())
    await eventually(arrived)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled()


@pytest.mark.parametrize("kind", ["text", "function", "coroutine function"])
async def test_token_is_text_function_or_coroutine_function(keyway_sandbox: Sandbox, kind: Any) -> None:
    async def fetched() -> Any:
        return keyway_sandbox.token

    text = keyway_sandbox.token
    token: Any = {"text": text, "function": lambda: text, "coroutine function": fetched}[kind]
    async with keyway.aio.connect(keyway_sandbox.jwt, ca=keyway_sandbox.ca, token=token) as client:
        assert (await client.providers.ListProviders(providers.ListProvidersRequest())).providers


async def test_error_of_the_token_function_is_raised(keyway_sandbox: Sandbox) -> None:
    async def broken() -> str:
        raise LookupError("no token today")

    async with keyway.aio.connect(keyway_sandbox.jwt, ca=keyway_sandbox.ca, token=broken) as client:
        with pytest.raises(LookupError, match="no token today"):
            await client.keys.Encrypt(ENCRYPT)


async def test_mutual_tls_authenticates(keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    async with keyway.aio.connect(
        box.mtls, ca=box.ca, certificate=box.certificate, private_key=box.private_key
    ) as client:
        request = keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret")
        assert (await client.keys.GetSecret(request)).payload


async def test_items_of_all_pages_are_iterated(client: Any) -> None:
    request = certificates.ListCertificatesRequest(parent="providers/nhn-certs", page_size=4)
    method = client.certificates.ListCertificates
    assert len([item.name async for item in keyway.aio.iterate(method, request)]) == 10
    assert [len(page.certificates) async for page in keyway.aio.iterate_pages(method, request)] == [4, 4, 2]


async def test_idempotent_call_is_retried(client: Any, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail(KEYS, mode="close")
    assert (await client.keys.Encrypt(ENCRYPT)).ciphertext
