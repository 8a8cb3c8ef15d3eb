"""Callers that disconnect, and more callers than an upstream can serve: no call hangs, and no resource leaks."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support.fault_scene import ENCRYPT, Scene, healthy, scene
from tests.support.faulty_upstream import FaultyUpstream, Step, http, saying, stall
from tests.support.raw_server import Reader, Writer
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.stack import Stack
from tests.support.valid_requests import WARP, call, valid_request
from tests.support.waiting import eventually
from tests.support.wire import DEFAULT_RETRY, failure_of, requested_retry

BUSY = ("UNAVAILABLE", "PROVIDER_BUSY")


class Gate:
    """An upstream that answers after it is opened, and records the order of the plaintexts."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        await self.open.wait()
        await healthy(reader, writer)


async def requests_arrived(upstream: FaultyUpstream, count: int) -> None:
    async def there() -> bool:
        return len(upstream.heads) >= count

    await eventually(there, 5)


@pytest.mark.parametrize("step", [stall, saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", stall)])
@pytest.mark.parametrize("how", ["cancels", "vanishes", "runs out of time"])
async def test_upstream_connection_closes_when_its_caller_disconnects(
    running_stack: Stack, tmp_path: Path, step: Step, how: str
) -> None:
    async with (
        FaultyUpstream(step, then=healthy) as upstream,
        scene(running_stack, tmp_path, upstream.url, timeout=30, maximum_connections=1) as played,
    ):
        channel = grpc.aio.insecure_channel(played.gateway.address)
        encrypt = channel.unary_unary(
            "/keyway.v1.KeyService/Encrypt",
            request_serializer=keys.EncryptRequest.SerializeToString,
            response_deserializer=keys.EncryptResponse.FromString,
        )
        running = encrypt(ENCRYPT, timeout=0.3 if how == "runs out of time" else 30)
        await requests_arrived(upstream, 1)
        if how == "cancels":
            running.cancel()
        elif how == "vanishes":
            await channel.close(grace=None)

        async def left() -> bool:
            return upstream.open == 0

        await eventually(left, 5)
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            await running
        await channel.close()
        await call(played.gateway, "Encrypt", ENCRYPT)  # a slot is free again


async def test_calls_beyond_the_queue_are_rejected_immediately(running_stack: Stack, tmp_path: Path) -> None:
    gate = Gate()
    settings: dict[str, Any] = {"timeout": 30, "maximum_connections": 2, "queue": {"size": 3, "timeout": 20}}
    async with (
        FaultyUpstream(then=gate) as upstream,
        scene(running_stack, tmp_path, upstream.url, **settings) as played,
    ):
        calls = [asyncio.ensure_future(call(played.gateway, "Encrypt", ENCRYPT)) for _ in range(8)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        await requests_arrived(upstream, 2)
        refused = [one for one in calls if one.done()]
        while len(refused) < 3:
            await asyncio.wait([one for one in calls if not one.done()], return_when=asyncio.FIRST_COMPLETED)
            refused = [one for one in calls if one.done()]
        for one in refused:
            failure = await failure_of(one)
            assert (failure.kind, failure.retry) == (BUSY, DEFAULT_RETRY)
            assert played.attempts(failure.request_id) == []
        gate.open.set()
        await asyncio.gather(*(one for one in calls if one not in refused))
        assert len(upstream.heads) == 5
    assert upstream.connections == 2


async def test_time_in_the_queue_is_limited(running_stack: Stack, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": 30, "maximum_connections": 1, "queue": {"timeout": 0.1}}
    gate = Gate()
    async with (
        FaultyUpstream(then=gate) as upstream,
        scene(running_stack, tmp_path, upstream.url, **settings) as played,
    ):
        first = asyncio.ensure_future(call(played.gateway, "Encrypt", ENCRYPT))
        await requests_arrived(upstream, 1)
        assert (await failure_of(call(played.gateway, "Encrypt", ENCRYPT))).kind == BUSY
        gate.open.set()
        await first


async def test_batch_does_not_delay_single_calls(running_stack: Stack, tmp_path: Path) -> None:
    gate = Gate()
    async with (
        FaultyUpstream(then=gate) as upstream,
        scene(running_stack, tmp_path, upstream.url, timeout=30, maximum_connections=1) as played,
    ):
        batch = keys.BatchEncryptRequest(requests=[ENCRYPT] * 30)
        running = asyncio.ensure_future(played.gateway.keys.BatchEncrypt(batch))
        await requests_arrived(upstream, 1)
        single = asyncio.ensure_future(
            call(played.gateway, "Encrypt", keys.EncryptRequest(name=ENCRYPT.name, plaintext=b"single"))
        )
        await seen(played)
        gate.open.set()
        await single
        results = (await running).results
    assert all(result.HasField("response") for result in results)
    (place,) = (place for place, head in enumerate(upstream.heads) if b"single" in head)
    assert place <= 2


async def seen(played: Scene) -> None:
    """Return when the gateway has received all earlier calls, because a later call is answered."""
    for _ in range(5):
        await call(played.gateway, "ListProviders")


async def test_session_renewal_and_upstream_retries_combine(running_stack: Stack, tmp_path: Path) -> None:
    """After "not logged in", the gateway logs in and sends the request again. Each of these requests can be retried."""
    login: dict[str, Any] = {"result": {"status": "success", "data": {"sessionId": "s"}}}
    not_logged_in: dict[str, Any] = {"result": {"status": "error", "code": 3001, "message": "not logged in"}}
    exists: dict[str, Any] = {"result": {"status": "success", "data": {"exist": True}}}
    path = "/mcapi/certificate/server/exist"
    async with ScriptedUpstream() as upstream:
        for status, body in ((503, {}), (200, login), (200, login)):
            upstream.answer("POST", "/mcapi/auth/login", status, body=body)
        upstream.answer("POST", "/mcapi/auth/logout")
        for status, body in ((503, {}), (200, not_logged_in), (503, {}), (200, exists)):
            upstream.answer("GET", path, status, body=body)
        account = {"login": {"user_name": "/keyway", "password": "secret"}}
        async with scene(running_stack, tmp_path, upstream.url, account) as played:
            answer = await call(played.gateway, "CheckCertificate", valid_request("CheckCertificate", WARP))
            assert played.attempts() == [503, 200, 503, 200, 200, 503, 200]
    assert answer.exists


async def test_retry_after_of_the_upstream_is_respected(running_stack: Stack, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"timeout": 5, "retry": {"attempts": 2, "maximum_backoff": 2}}
    async with (
        FaultyUpstream(saying(http(429, Retry_After="1")), then=healthy) as upstream,
        scene(running_stack, tmp_path, upstream.url, **settings) as played,
    ):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await call(played.gateway, "Encrypt", ENCRYPT)
        assert loop.time() - began >= 1
        upstream.then = saying(http(429, Retry_After="1"))
        began = loop.time()
        failure = await failure_of(call(played.gateway, "Encrypt", ENCRYPT, timeout=0.9))
        assert failure.kind == ("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED")
        assert failure.retry == requested_retry(1)
        assert loop.time() - began < 0.8
