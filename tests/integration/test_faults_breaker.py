"""The circuit breaker: calls to a failing upstream fail immediately, and its recovery is detected."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from keyway.v1 import provider_pb2
from keyway.v1 import provider_service_pb2 as providers
from tests.support.fault_scene import ENCRYPT, Scene, healthy, scene
from tests.support.faulty_upstream import FaultyUpstream, Step, hang_up, http, saying, stall
from tests.support.raw_server import Reader, Writer
from tests.support.stack import Stack
from tests.support.valid_requests import KEYS, WARP, call
from tests.support.wire import Failure, failure_of

OPEN = ("UNAVAILABLE", "PROVIDER_CIRCUIT_OPEN")
INTERVAL = 0.4
SETTINGS: dict[str, Any] = {
    "retry": {"attempts": 1},
    "breaker": {"minimum_calls": 4, "window": 30, "interval": INTERVAL, "patience": 0.1},
}


async def failing(played: Scene, count: int = 1) -> list[Failure]:
    return [await failure_of(call(played.gateway, "Encrypt", ENCRYPT)) for _ in range(count)]


async def state_of(played: Scene) -> tuple[int, str]:
    request = providers.GetProviderRequest(name=f"providers/{KEYS}")
    provider = (await played.gateway.providers.GetProvider(request)).provider
    listed = (await played.gateway.providers.ListProviders(providers.ListProvidersRequest())).providers
    assert provider in listed
    return provider.state, provider.state_reason


async def check(played: Scene, provider: str = KEYS) -> int:
    request = providers.CheckProviderRequest(name=f"providers/{provider}")
    return (await played.gateway.providers.CheckProvider(request)).provider.state


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (hang_up, "PROVIDER_CONNECTION_LOST"),
        (saying(http(503)), "PROVIDER_UNAVAILABLE"),
        (saying(http(500, b"<html>", Content_Type="text/html")), "PROVIDER_INTERNAL"),
        (stall, "PROVIDER_TIMEOUT"),
    ],
)
async def test_breaker_opens_fails_calls_immediately_and_closes_after_recovery(
    running_stack: Stack, tmp_path: Path, step: Step, reason: str
) -> None:
    async with (
        FaultyUpstream(then=step) as upstream,
        scene(running_stack, tmp_path, upstream.url, **SETTINGS, timeout=0.15) as played,
    ):
        assert {failure.reason for failure in await failing(played, 4)} == {reason}
        before, began = len(upstream.heads), time.monotonic()
        for failure in await failing(played, 10):
            assert failure.kind == OPEN
            assert failure.retry is not None
            assert 0 < failure.retry <= 2 * INTERVAL
            assert played.attempts(failure.request_id) == []
        assert time.monotonic() - began < 10 * 0.03
        assert len(upstream.heads) == before
        assert await state_of(played) == (provider_pb2.PROVIDER_STATE_UNREACHABLE, "PROVIDER_CIRCUIT_OPEN")

        upstream.then = healthy
        await asyncio.sleep(failure.retry or 0)
        await call(played.gateway, "Encrypt", ENCRYPT)
        await call(played.gateway, "Encrypt", ENCRYPT)
        assert (await state_of(played))[1] == ""


@pytest.mark.parametrize(
    "step",
    [
        saying(http(400)),
        saying(http(401)),
        saying(http(404)),
        saying(http(429)),
        saying(http(500, b'{"header":{"resultCode":-1,"resultMessage":"Invalid Key ID","isSuccessful":false}}')),
    ],
)
async def test_client_errors_do_not_open_the_breaker(running_stack: Stack, tmp_path: Path, step: Step) -> None:
    async with (
        FaultyUpstream(then=step) as upstream,
        scene(running_stack, tmp_path, upstream.url, **SETTINGS) as played,
    ):
        assert OPEN not in {failure.kind for failure in await failing(played, 10)}
        assert len(upstream.heads) == 10


async def test_short_deadlines_of_callers_do_not_open_the_breaker(running_stack: Stack, tmp_path: Path) -> None:
    async with (
        FaultyUpstream(then=stall) as upstream,
        scene(running_stack, tmp_path, upstream.url, **{**SETTINGS, "timeout": 5, "connect_timeout": 5}) as played,
    ):
        for _ in range(6):
            running = call(played.gateway, "Encrypt", ENCRYPT, timeout=0.05)
            with pytest.raises(Exception, match="DEADLINE_EXCEEDED"):
                await running
        upstream.then = healthy
        await call(played.gateway, "Encrypt", ENCRYPT)


async def test_one_call_probes_while_the_others_fail_immediately(running_stack: Stack, tmp_path: Path) -> None:
    go = asyncio.Event()

    async def slow(reader: Reader, writer: Writer) -> None:
        await go.wait()
        await healthy(reader, writer)

    async with (
        FaultyUpstream(then=hang_up) as upstream,
        scene(running_stack, tmp_path, upstream.url, **SETTINGS, timeout=10) as played,
    ):
        await failing(played, 4)
        upstream.then = slow
        await asyncio.sleep(INTERVAL)
        before = len(upstream.heads)
        calls = [asyncio.ensure_future(call(played.gateway, "Encrypt", ENCRYPT)) for _ in range(5)]
        done, (trying,) = await asyncio.wait(calls, timeout=INTERVAL / 2)
        assert len(done) == 4
        assert len(upstream.heads) == before + 1
        go.set()
        await trying
        for refused in done:
            assert (await failure_of(refused)).kind == OPEN
        await asyncio.gather(*(call(played.gateway, "Encrypt", ENCRYPT) for _ in range(5)))


async def test_check_provider_bypasses_and_closes_the_breaker(running_stack: Stack, tmp_path: Path) -> None:
    async with (
        FaultyUpstream(then=hang_up) as upstream,
        scene(running_stack, tmp_path, upstream.url, **SETTINGS) as played,
    ):
        await failing(played, 4)
        assert await check(played) == provider_pb2.PROVIDER_STATE_UNREACHABLE
        assert len(upstream.heads) == 5
        upstream.then = healthy
        await check(played)
        await call(played.gateway, "Encrypt", ENCRYPT)


async def test_retries_hide_a_flapping_upstream_from_idempotent_calls(running_stack: Stack, tmp_path: Path) -> None:
    down, well = saying(http(503)), healthy
    steps = [hang_up, well, well, down, well, well, well, hang_up, down, well]
    settings: dict[str, Any] = {"breaker": {}, "retry": {"attempts": 3, "initial_backoff": 0.001}}
    async with (
        FaultyUpstream(*steps, then=healthy) as upstream,
        scene(running_stack, tmp_path, upstream.url, **settings) as played,
    ):
        for _ in range(8):
            await call(played.gateway, "Encrypt", ENCRYPT)
        assert len(upstream.heads) == 8 + 4


async def test_retries_stay_within_the_budget_and_stop_when_the_breaker_opens(
    running_stack: Stack, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "retry": {"attempts": 5, "initial_backoff": 0.001, "reserve": 3, "budget": 0.1},
        "breaker": {"minimum_calls": 6, "interval": 30},
    }
    async with (
        FaultyUpstream(then=hang_up) as upstream,
        scene(running_stack, tmp_path, upstream.url, **settings) as played,
    ):
        reasons = [failure.reason for failure in await failing(played, 4)]
        assert len(upstream.heads) == 6
    assert reasons == ["PROVIDER_CONNECTION_LOST"] * 3 + ["PROVIDER_CIRCUIT_OPEN"]


async def test_check_provider_logs_in_with_an_open_breaker(running_stack: Stack, tmp_path: Path) -> None:
    """The login also goes to an upstream that gets no other requests."""

    async def warp(reader: Reader, writer: Writer) -> None:
        data = b'{"sessionId":"s"}' if b"/auth/login" in upstream.heads[-1] else b'{"exist":true}'
        await saying(http(200, b'{"result":{"status":"success","data":%s}}' % data))(reader, writer)

    account = {"login": {"user_name": "/keyway", "password": "secret"}}
    async with (
        FaultyUpstream(then=hang_up) as upstream,
        scene(running_stack, tmp_path, upstream.url, account, **SETTINGS) as played,
    ):
        for _ in range(4):
            await failure_of(call(played.gateway, "CheckCertificate"))
        upstream.then = warp
        assert (await failure_of(call(played.gateway, "CheckCertificate"))).kind == OPEN
        assert await check(played, WARP) == provider_pb2.PROVIDER_STATE_READY
        await call(played.gateway, "CheckCertificate")
