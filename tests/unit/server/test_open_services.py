"""Limits of the services without authentication: messages that do not arrive, are too large, or cannot be decoded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.server.transport import health_service, open_services
from gateway.server.transport.health_service import HealthService
from gateway.server.transport.open_services import OpenServices
from tests.support.http2_peer import Peer
from tests.support.waiting import eventually

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
SERVING = health_pb2.HealthCheckResponse.SERVING


@contextlib.asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[grpc.aio.Channel]:
    async with listening(**limits) as address, grpc.aio.insecure_channel(address) as channel:
        yield channel


@contextlib.asynccontextmanager
async def listening(**limits: Any) -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    services: Any = OpenServices(server, **limits)
    service = HealthService(())
    service.report(available=True)
    health_pb2_grpc.add_HealthServicer_to_server(service, services)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def check(channel: grpc.aio.Channel) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)


def silent(channel: grpc.aio.Channel, method: str = CHECK) -> Any:
    """Begin a call whose message does not arrive."""
    call: Any = channel.stream_unary(method)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    return call(nothing())


async def not_taken(peer: Peer, method: str, ended: int) -> None:
    """Make 16 calls whose responses the peer does not take, and wait until the server has ended so many of them."""
    peer.begin(window=0)
    for stream in range(1, 32, 2):
        peer.open(stream, method.encode())
        peer.send_data(stream, bytes(5))

    async def have_ended() -> bool:
        peer.read(0.01)
        return len(peer.ended) >= ended

    await eventually(have_ended)


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


async def test_check_and_watch_respond() -> None:
    async with served() as channel:
        assert (await check(channel)).status == SERVING
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Watch(health_pb2.HealthCheckRequest()).read()).status == SERVING


async def test_message_that_does_not_arrive_ends_the_call() -> None:
    async with served(seconds=0.05) as channel:
        assert await code_of(silent(channel)) is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_oldest_silent_call_makes_room_for_a_new_one() -> None:
    async with served(waiting=2) as channel:
        calls = [silent(channel)]
        for _ in range(4):
            calls.append(silent(channel))
            await asyncio.sleep(0.05)
        assert (await check(channel)).status == SERVING

        async def ended() -> bool:
            return sum(bool(call.done()) for call in calls) >= len(calls) - 2

        await eventually(ended)
        assert not calls[-1].done()
        assert await code_of(calls[0]) is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in calls:
            call.cancel()


@pytest.mark.parametrize("method", [CHECK, WATCH])
@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\xff", grpc.StatusCode.INVALID_ARGUMENT), (b"\x0a" + bytes(5000), grpc.StatusCode.RESOURCE_EXHAUSTED)],
    ids=["undecodable", "too large"],
)
async def test_bad_message_is_rejected(method: str, message: bytes, code: grpc.StatusCode) -> None:
    async with served() as channel:
        call: Any = channel.unary_unary(method)
        assert await code_of(call(message)) is code


async def test_call_without_a_message_is_rejected() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    async with served() as channel:
        call: Any = channel.stream_unary(CHECK)
        assert await code_of(call(nothing())) is grpc.StatusCode.INVALID_ARGUMENT


async def test_open_streams_are_limited() -> None:
    async with served(streams=1) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        first = stub.Watch(health_pb2.HealthCheckRequest())
        await first.read()
        second = stub.Watch(health_pb2.HealthCheckRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await second.read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(("method", "limits"), [(CHECK, {"unsent": 16}), (WATCH, {"streams": 8})])
async def test_peer_that_takes_no_response_holds_a_share_of_the_calls(method: str, limits: dict[str, int]) -> None:
    """gRPC keeps a response that is not taken until the connection closes. The other 12 of the 16 calls end."""
    async with listening(**limits) as address:
        peer = Peer(address, tls=False, source="127.0.0.2")
        await not_taken(peer, method, 12)
        async with grpc.aio.insecure_channel(address) as channel:
            assert (await check(channel)).status == SERVING
            stub: Any = health_pb2_grpc.HealthStub(channel)
            assert (await stub.Watch(health_pb2.HealthCheckRequest(), timeout=10).read()).status == SERVING
        assert len(peer.ended) == 12
        peer.close()


@pytest.mark.parametrize("method", [CHECK, WATCH])
async def test_peer_that_takes_no_response_loses_its_connection(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (open_services, health_service):
        monkeypatch.setattr(module, "WRITE_SECONDS", 1.0)
    async with listening(unsent=16, streams=8) as address:
        with contextlib.closing(Peer(address, tls=False)) as peer:
            await not_taken(peer, method, 12)

            async def is_closed() -> bool:
                peer.read(0.01)
                return peer.closed

            await eventually(is_closed)


async def test_closed_connection_frees_its_calls() -> None:
    async with listening(unsent=4) as address:
        peer = Peer(address, tls=False)
        await not_taken(peer, CHECK, 15)
        peer.close()

        async def served_again() -> bool:
            async with grpc.aio.insecure_channel(address) as channel:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    return bool((await check(channel)).status == SERVING)
            return False

        await eventually(served_again)
