"""Batches: items of several keys and providers, separate results, limits, and concurrency."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc
from tests.support import wire
from tests.support.key_manager import PROVIDER, DirectKeyUser
from tests.support.stack import KEY_MANAGER, ControlClient, Gateway, Stack
from tests.support.wire import failure_of

ORDERS, OTHER = f"{PROVIDER}/keys/orders-key", "providers/other-keys/keys/other-key"
AT_ONCE = 8
LARGE_ANSWER = 4 * 1024 * 1024


def encryptions(count: int, name: str = ORDERS, filling: bytes = b"") -> list[keys.EncryptRequest]:
    """Return `count` items with different plaintexts."""
    return [keys.EncryptRequest(name=name, plaintext=b"%d " % number + filling) for number in range(count)]


async def encrypt(gateway: Gateway, items: Sequence[keys.EncryptRequest]) -> Sequence[keys.BatchEncryptResult]:
    """Return the results of a batch."""
    return (await gateway.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items))).results


async def decrypt(gateway: Gateway, items: Sequence[keys.DecryptRequest]) -> Sequence[keys.BatchDecryptResult]:
    """Return the results of a batch."""
    return (await gateway.keys.BatchDecrypt(keys.BatchDecryptRequest(requests=items))).results


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway with two Secure Key Managers, one Certificate Manager, and a low batch concurrency."""
    stack = seeded_stack
    await stack.controls[KEY_MANAGER].seed(
        {"app_key": "other-app-key", "key_stores": [{"name": "demo"}], "symmetric_keys": [{"id": "other-key"}]}
    )
    other = {**stack.provider("nhn-keys"), "id": "other-keys", "app_key": "other-app-key"}
    providers = stack.provider("nhn-keys"), other, stack.provider("nhn-certs")
    async with Gateway(stack.settings(*providers, batch_concurrency=AT_ONCE)) as served:
        yield served


async def test_batch_with_one_item(quiet_stack: Stack, gateway: Gateway) -> None:
    (encrypted,) = await encrypt(gateway, encryptions(1))
    (opened,) = await decrypt(gateway, [keys.DecryptRequest(name=ORDERS, ciphertext=encrypted.response.ciphertext)])

    assert encrypted.response.key_version == 2
    assert (opened.response.plaintext, opened.response.key_version) == (b"0 ", 2)


async def test_thousand_items_keep_their_order_and_can_return_more_than_4_mib(
    quiet_stack: Stack, gateway: Gateway
) -> None:
    items = encryptions(1000, filling=b"x" * 4096)
    response = await gateway.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items))
    ciphertexts = [result.response.ciphertext for result in response.results]
    opened = await decrypt(gateway, [keys.DecryptRequest(name=ORDERS, ciphertext=each) for each in ciphertexts])

    assert response.ByteSize() > LARGE_ANSWER
    assert [result.response.plaintext for result in opened] == [item.plaintext for item in items]
    assert len(set(ciphertexts)) == 1000


async def test_client_with_the_default_limit_rejects_a_large_response(quiet_stack: Stack, gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub = key_service_pb2_grpc.KeyServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.BatchEncrypt(keys.BatchEncryptRequest(requests=encryptions(110, filling=b"x" * 32_000)))

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_batch_can_contain_several_keys_and_providers(quiet_stack: Stack, gateway: Gateway) -> None:
    names = [ORDERS, OTHER, f"{PROVIDER}/keys/demo-aes"] * 5
    items = [keys.EncryptRequest(name=name, plaintext=b"%d" % index) for index, name in enumerate(names)]
    encrypted = await encrypt(gateway, items)
    opened = await decrypt(
        gateway,
        [
            keys.DecryptRequest(name=name, ciphertext=result.response.ciphertext)
            for name, result in zip(names, encrypted, strict=True)
        ],
    )

    assert [result.response.plaintext for result in opened] == [item.plaintext for item in items]
    direct = await DirectKeyUser(quiet_stack).call(
        "POST", "symmetric-keys/demo-aes/decrypt", {"ciphertext": encrypted[2].response.ciphertext}
    )
    assert direct["plaintext"] == "2"
    seen = Counter(request["target"].split("/")[4] for request in await quiet_stack.controls[KEY_MANAGER].requests())
    assert seen == {"keymanager-demo": 21, "other-app-key": 10}


FAILING: dict[str, tuple[keys.EncryptRequest, tuple[str, str]]] = {
    "no name": (keys.EncryptRequest(plaintext=b"x"), ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    "not a key's name": (keys.EncryptRequest(name="keys/orders-key"), ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    "every provider": (keys.EncryptRequest(name="providers/-/keys/k"), ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    "not UTF-8": (keys.EncryptRequest(name=ORDERS, plaintext=b"\xff"), ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    "too long": (keys.EncryptRequest(name=ORDERS, plaintext=b"x" * 32_769), ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    "unknown key": (keys.EncryptRequest(name=f"{PROVIDER}/keys/none"), ("NOT_FOUND", "KEY_NOT_FOUND")),
    "inactive key": (
        keys.EncryptRequest(name=f"{PROVIDER}/keys/demo-aes-inactive"),
        ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    ),
    "no such provider": (keys.EncryptRequest(name="providers/none/keys/k"), ("NOT_FOUND", "PROVIDER_NOT_FOUND")),
    "a provider without keys": (
        keys.EncryptRequest(name="providers/nhn-certs/keys/k"),
        ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER"),
    ),
    "closed key store": (
        keys.EncryptRequest(name=f"{PROVIDER}/keys/ip-locked-aes"),
        ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    ),
}


async def test_failed_items_have_the_error_of_the_single_call(quiet_stack: Stack, gateway: Gateway) -> None:
    good = keys.EncryptRequest(name=ORDERS, plaintext="주문".encode())
    items = [item for failing, _ in FAILING.values() for item in (good, failing)]
    call = gateway.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items))
    results, trailers = (await call).results, dict(await call.trailing_metadata() or ())

    assert [result.WhichOneof("result") for result in results] == ["response", "error"] * len(FAILING)
    for result, (item, expected) in zip(results[1::2], FAILING.values(), strict=True):
        failure = wire.parse(result.error)
        alone = await failure_of(gateway.keys.Encrypt(item))
        assert failure.kind == alone.kind == expected
        assert failure.request_id == trailers[wire.REQUEST_ID]
        assert (failure.message, failure.metadata) == (alone.message, alone.metadata)
        assert (failure.violations, failure.resource) == (alone.violations, alone.resource)
        assert (failure.retry is None) == (alone.retry is None)
        assert failure.retry in (None, wire.DEFAULT_RETRY)


async def test_failed_decrypt_items_do_not_affect_others(quiet_stack: Stack, gateway: Gateway) -> None:
    (encrypted,) = await encrypt(gateway, encryptions(1))
    ciphertext = encrypted.response.ciphertext
    results = await decrypt(
        gateway,
        [
            keys.DecryptRequest(name=ORDERS, ciphertext=ciphertext),
            keys.DecryptRequest(name=ORDERS),
            keys.DecryptRequest(name=ORDERS, ciphertext="AAAA"),
            keys.DecryptRequest(name=ORDERS, ciphertext=ciphertext, encoding=keys.ENCODING_BASE64),
            keys.DecryptRequest(name=ORDERS, ciphertext=ciphertext, encoding=9),  # type: ignore[arg-type]
            keys.DecryptRequest(name=OTHER, ciphertext=ciphertext),
            keys.DecryptRequest(name=ORDERS, ciphertext=ciphertext),
        ],
    )

    assert [result.response.plaintext for result in (results[0], results[-1])] == [b"0 "] * 2
    failures = [wire.parse(result.error) for result in results[1:-1]]
    assert [failure.reason for failure in failures] == [
        "INVALID_REQUEST", "INVALID_USER_DATA", "PLAINTEXT_NOT_BASE64", "INVALID_REQUEST", "INVALID_USER_DATA",
    ]  # fmt: skip
    assert [failure.fields for failure in failures] == [["ciphertext"], [], [], ["encoding"], []]


async def test_retryable_item_has_retry_info(quiet_stack: Stack, gateway: Gateway) -> None:
    await quiet_stack.controls[KEY_MANAGER].fail(mode="raw", status=429, headers={"Retry-After": "7"})
    results = await encrypt(gateway, encryptions(3))

    (failure,) = [wire.parse(result.error) for result in results if result.HasField("error")]
    assert (failure.kind, failure.retry) == (("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED"), wire.requested_retry(7))


@pytest.mark.parametrize("count", [0, 1001])
async def test_empty_and_oversized_batches_are_rejected_before_upstream_calls(
    quiet_stack: Stack, gateway: Gateway, count: int
) -> None:
    to_decrypt = [keys.DecryptRequest(name=ORDERS, ciphertext="AAAA")] * count
    for call in (encrypt(gateway, encryptions(count)), decrypt(gateway, to_decrypt)):
        failure = await failure_of(call)
        assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["requests"])
    assert await quiet_stack.controls[KEY_MANAGER].requests() == []


def most_at_once(requests: Sequence[dict[str, Any]], seconds: float) -> int:
    """Return the highest number of concurrent requests. Each request took at least `seconds`."""
    starts = [dt.datetime.fromisoformat(request["time"]) for request in requests]
    duration = dt.timedelta(seconds=seconds)
    return max(sum(start <= moment < start + duration for start in starts) for moment in starts)


async def test_concurrent_items_are_limited(quiet_stack: Stack, gateway: Gateway) -> None:
    control, seconds = quiet_stack.controls[KEY_MANAGER], 0.3
    await control.fail(mode=None, delay=seconds, count=100)
    await encrypt(gateway, encryptions(3 * AT_ONCE))

    requests = await control.requests()
    assert len(requests) == 3 * AT_ONCE
    assert most_at_once(requests, seconds) == AT_ONCE


async def taken_faults(control: ControlClient, armed: int) -> int:
    """Return the number of armed faults that have matched a request."""
    left: int = (await control.call("GET", "/faults"))["armed"]
    return armed - left


async def test_canceled_batch_starts_no_more_items(quiet_stack: Stack, gateway: Gateway) -> None:
    control = quiet_stack.controls[KEY_MANAGER]
    await control.fail(mode=None, delay=0.6, count=1000)
    call = gateway.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=encryptions(200)))
    async with asyncio.timeout(60):
        while await taken_faults(control, 1000) < AT_ONCE:
            pass
        call.cancel()
        while len(await control.requests()) < AT_ONCE:
            pass

    # After another complete call, a batch that continued would have started its next items.
    await gateway.keys.Encrypt(encryptions(1)[0])
    assert len(await control.requests()) == AT_ONCE + 1
    assert await taken_faults(control, 1000) == AT_ONCE + 1
