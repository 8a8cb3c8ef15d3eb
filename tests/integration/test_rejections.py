"""Floods of unauthenticated calls: their audit records, their delays, and the calls of authenticated callers."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.journal.verify.verification import verify
from keyway.v1 import provider_service_pb2 as providers
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer
from tests.support.ocsf import ocsf_violations
from tests.support.stack import Gateway, Stack
from tests.support.trusted import POLICIES, Trusted
from tests.support.waiting import eventually

FLOOD = 100  # at most the streams of one connection, which delayed responses use
ISSUER_KEYS = TokenIssuer()
LIST = "/keyway.v1.ProviderService/ListProviders"
REQUEST = providers.ListProvidersRequest().SerializeToString()


@pytest.fixture
def trusted(tmp_path: Path, running_stack: Stack) -> Trusted:
    trusted = Trusted(tmp_path, running_stack)
    (tmp_path / "policies.cedar").write_text(POLICIES.replace("spiffe://example.org/", "sub:"))
    (tmp_path / "jwks.json").write_bytes(ISSUER_KEYS.jwks())
    identity = trusted.configuration["identity"]
    identity.pop("mtls")
    identity["jwt"] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "jwks.json"}
    return trusted


def ask(channel: grpc.aio.Channel, token: str) -> "asyncio.Future[Any]":
    method: Any = channel.unary_unary(LIST)
    call: asyncio.Future[Any] = asyncio.ensure_future(method(REQUEST, metadata=[("authorization", f"Bearer {token}")]))
    return call


@contextlib.asynccontextmanager
async def flooded(
    trusted: Trusted, address: str, connections: int
) -> AsyncIterator[tuple[list[grpc.aio.Channel], list["asyncio.Future[Any]"]]]:
    """Start all unauthenticated calls concurrently. The calls without a response are canceled at the end."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with contextlib.AsyncExitStack() as exits:
        channels = [
            await exits.enter_async_context(
                grpc.aio.secure_channel(address, trusted.channel_credentials(None), options=options)
            )
            for _ in range(connections)
        ]
        calls = [ask(channels[number % connections], f"nobody-{number}") for number in range(FLOOD)]
        yield channels, calls
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


def answered(calls: list["asyncio.Future[Any]"]) -> list["asyncio.Future[Any]"]:
    return [call for call in calls if call.done()]


def rejections(trusted: Trusted) -> list[dict[str, Any]]:
    found = [event for event in trusted.events() if event["metadata"]["event_code"] == "refusals"]
    for event in found:
        assert ocsf_violations(event) == []
    return found


def total(trusted: Trusted) -> int:
    return sum(int(event["count"]) for event in rejections(trusted))


async def all_counted(trusted: Trusted) -> None:
    async def counted() -> bool:
        return total(trusted) == FLOOD

    await eventually(counted)


async def test_messages_of_unauthenticated_peers_are_not_decoded(trusted: Trusted) -> None:
    async with (
        trusted.served() as address,
        grpc.aio.secure_channel(address, trusted.channel_credentials(None)) as channel,
    ):
        method: Any = channel.unary_unary(LIST)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(b"\xff")
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert [event["status_detail"] for event in rejections(trusted)] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("connections", [1, 20])
async def test_flood_is_delayed_and_authenticated_callers_are_not(trusted: Trusted, connections: int) -> None:
    began = asyncio.get_running_loop().time()
    async with trusted.served() as address, flooded(trusted, address, connections) as (channels, calls):
        await all_counted(trusted)
        assert len(answered(calls)) >= 20
        # From the same address, over the same connections.
        for channel in channels:
            await ask(channel, ISSUER_KEYS.token(sub="operator"))
        # Twenty responses are immediate, and twenty per second follow. A slow machine needs longer for all of this.
        seconds = asyncio.get_running_loop().time() - began
        assert len(answered(calls)) <= 20 + 20 * (seconds + 1)
        records = rejections(trusted)
        assert {event["status_detail"] for event in records} == {"UNAUTHENTICATED"}
        assert {event["src_endpoint"]["ip"] for event in records} <= {"127.0.0.1", "::1"}
        times = [event["start_time"] for event in records]
        assert all(later - earlier >= 900 for earlier, later in itertools.pairwise(times))
    assert total(trusted) == FLOOD
    assert verify(trusted.audit).good


async def test_drain_releases_delayed_responses(trusted: Trusted) -> None:
    async with contextlib.AsyncExitStack() as flood:
        async with Gateway(trusted.settings()) as gateway:
            _, calls = await flood.enter_async_context(flooded(trusted, gateway.address, 4))
            await all_counted(trusted)
            assert any(not call.done() for call in calls)
            stopping = asyncio.get_running_loop().time()
        # The gateway did not wait for the last response, and interrupted no call.
        assert asyncio.get_running_loop().time() - stopping < 3
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {error.code() for error in ended if isinstance(error, grpc.aio.AioRpcError)} == {
            grpc.StatusCode.UNAUTHENTICATED
        }


async def test_rejected_tls_connections_leave_no_record(tmp_path: Path, running_stack: Stack) -> None:
    trusted = Trusted(tmp_path, running_stack)
    async with trusted.served() as address, trusted.caller(address) as known:
        channel = grpc.aio.secure_channel(address, trusted.channel_credentials(None))
        async with channel:
            ended = await asyncio.gather(*(ask(channel, "") for _ in range(50)), return_exceptions=True)
        assert {error.code() for error in ended if isinstance(error, grpc.aio.AioRpcError)} == {
            grpc.StatusCode.UNAVAILABLE
        }
        assert trusted.events() == []
        await known.providers.ListProviders(providers.ListProvidersRequest())
    assert [event["metadata"]["event_code"] for event in trusted.events()] == ["intent", "outcome"]


async def test_calls_to_unknown_methods_are_counted_and_delayed(trusted: Trusted) -> None:
    """They need no token, and the peer chooses the names. Neither must fill the journal."""

    async def counted() -> bool:
        return total(trusted) == 62

    async with (
        trusted.served() as address,
        grpc.aio.secure_channel(address, trusted.channel_credentials(None)) as channel,
    ):
        flood: list[Any] = [channel.unary_unary(f"/keyway.v1.KeyService/Encrypt{number}") for number in range(61)]
        calls = [asyncio.ensure_future(method(b"")) for method in flood]
        done, waiting = await asyncio.wait(calls, timeout=0.5)
        assert 20 <= len(done) < 40
        assert {call.exception().code() for call in done} == {grpc.StatusCode.UNIMPLEMENTED}
        streams: Any = channel.stream_stream("/nobody.Service/Streams")
        opened = streams(iter([b"", b""]))
        # Tools try this version of reflection first. It is not counted.
        tool: Any = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        assert await tool(iter([b""])).code() == grpc.StatusCode.UNIMPLEMENTED
        await eventually(counted)
        for call in (*waiting, opened):
            call.cancel()
    assert {event["status_detail"] for event in rejections(trusted)} == {"UNIMPLEMENTED"}
    assert {method for event in rejections(trusted) for method in event["unmapped"]["methods"]} == {"unknown"}
