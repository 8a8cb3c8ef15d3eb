"""Batches over a real gRPC connection: order, concurrency, and separate results of the items."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway.call_context import CallContext
from gateway.errors import GatewayError, UpstreamError
from gateway.upstream import outcomes
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.key_service_pb2_grpc import KeyServiceStub
from tests.support.fake_providers import FakeKeyStore, FakeProvider, served

KEY = "providers/store/keys/k"


def store(encrypting: Callable[[keys.EncryptRequest, CallContext], Awaitable[keys.EncryptResponse]]) -> FakeKeyStore:
    provider = FakeKeyStore("store")
    provider.encrypting = encrypting
    return provider


def batch(*plaintexts: str, name: str = KEY) -> keys.BatchEncryptRequest:
    requests = [keys.EncryptRequest(name=name, plaintext=text.encode()) for text in plaintexts]
    return keys.BatchEncryptRequest(requests=requests)


def reason(status: status_pb2.Status) -> str:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


async def test_results_have_the_order_of_the_requests() -> None:
    others_ended = asyncio.Event()
    ended: list[bytes] = []

    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        if request.plaintext == b"0":
            await others_ended.wait()
        ended.append(request.plaintext)
        if len(ended) == 9:
            others_ended.set()
        return keys.EncryptResponse(ciphertext=f"<{request.plaintext.decode()}>")

    async with served(store(encrypt)) as channel:
        answer = await KeyServiceStub(channel).BatchEncrypt(batch(*map(str, range(10))))
    assert [result.response.ciphertext for result in answer.results] == [f"<{number}>" for number in range(10)]
    assert ended[-1] == b"0"


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_concurrency_is_limited(concurrency: int) -> None:
    running, most = 0, 0

    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return keys.EncryptResponse()

    async with served(store(encrypt), batch_concurrency=concurrency) as channel:
        answer = await KeyServiceStub(channel).BatchEncrypt(batch(*["x"] * 1000))
    assert len(answer.results) == 1000
    assert most == concurrency


async def test_failed_items_do_not_affect_others() -> None:
    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        match request.plaintext:
            case b"refused":
                raise UpstreamError(outcomes.RATE_LIMITED, "asks too often", provider="store", retry_after=7)
            case b"lost":
                raise UpstreamError(outcomes.CONNECTION_LOST, "lost", provider="store")
            case b"bug":
                raise ValueError("secret-marker")
        return keys.EncryptResponse(ciphertext="done")

    request = batch("a", "refused", "lost", "bug", "b")
    request.requests.add(name="providers/store/secrets/s")
    request.requests.add(name="providers/store/keys/k", plaintext=b"\xff")
    request.requests.add(name="providers/nobody/keys/k")
    request.requests.add(name="providers/other/keys/k")
    async with served(store(encrypt), FakeProvider("other")) as channel:
        call = KeyServiceStub(channel).BatchEncrypt(request)
        answer = await call
        trailers = dict(await call.trailing_metadata())
    assert [result.WhichOneof("result") for result in answer.results] == (
        ["response"] + ["error"] * 3 + ["response"] + ["error"] * 4
    )
    failed = [result.error for result in answer.results if result.HasField("error")]
    assert [(error.code, reason(error)) for error in failed] == [
        (code_pb2.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED"),
        (code_pb2.UNAVAILABLE, "PROVIDER_CONNECTION_LOST"),
        (code_pb2.INTERNAL, "INTERNAL_ERROR"),
        (code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST"),
        (code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST"),
        (code_pb2.NOT_FOUND, "PROVIDER_NOT_FOUND"),
        (code_pb2.UNIMPLEMENTED, "METHOD_NOT_SUPPORTED_BY_PROVIDER"),
    ]
    # Cryptographic calls are idempotent, so a lost connection allows a retry.
    retries = [any(detail.TypeName() == "google.rpc.RetryInfo" for detail in error.details) for error in failed]
    assert retries == [True, True, False, False, False, False, False]
    info = error_details_pb2.RequestInfo()
    assert all(error.details[-1].Unpack(info) for error in failed)
    assert info.request_id == trailers["keyway-request-id"]
    assert "secret-marker" not in str(answer)


async def test_violations_have_paths_within_the_item() -> None:
    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        raise AssertionError("an invalid item was encrypted")

    async with served(store(encrypt)) as channel:
        answer = await KeyServiceStub(channel).BatchEncrypt(batch("a", name=""))
    bad = error_details_pb2.BadRequest()
    assert answer.results[0].error.details[1].Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == ["name"]


async def test_batch_decrypt_returns_the_plaintexts() -> None:
    async with served(FakeKeyStore("store")) as channel:
        request = keys.BatchDecryptRequest(requests=[keys.DecryptRequest(name=KEY, ciphertext="비밀")])
        request.requests.add(name=KEY)
        answer = await KeyServiceStub(channel).BatchDecrypt(request)
    assert answer.results[0].response.plaintext == "비밀".encode()
    assert reason(answer.results[1].error) == "INVALID_REQUEST"


@pytest.mark.parametrize("size", [0, 1001])
async def test_empty_and_oversized_batches_are_rejected(size: int) -> None:
    async with served(FakeKeyStore("store")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await KeyServiceStub(channel).BatchEncrypt(batch(*["x"] * size))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_items_have_the_deadline_of_the_call() -> None:
    remaining: list[float] = []

    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        remaining.append(call.remaining())
        return keys.EncryptResponse()

    async with served(store(encrypt)) as channel:
        await KeyServiceStub(channel).BatchEncrypt(batch("a", "b"), timeout=3)
    assert len(remaining) == 2
    assert all(0 < seconds < 4 for seconds in remaining)


async def test_cancellation_of_a_batch_cancels_its_items() -> None:
    started, cancelled = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def encrypt(request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        started.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.release()
            raise
        raise GatewayError(outcomes.UNREACHABLE, "not reached")

    async with served(store(encrypt), batch_concurrency=2) as channel:
        call = KeyServiceStub(channel).BatchEncrypt(batch("a", "b", "c"))
        task = asyncio.ensure_future(call)
        for _ in range(2):
            await asyncio.wait_for(started.acquire(), 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(2):
            await asyncio.wait_for(cancelled.acquire(), 60)
    assert started.locked()
