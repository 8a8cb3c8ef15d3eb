"""The shipped Envoy configuration in front of a gateway for tokens."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from keyway.v1 import provider_service_pb2 as providers
from keyway.v1.provider_service_pb2_grpc import ProviderServiceStub
from tests.bench.accounting import peak_memory
from tests.bench.processes import Server
from tests.support import envoy, programs
from tests.support.hostile_peer import ATTACKS, CONTINUATION, EMPTY_CONTINUATION, attacking, closes_endless_headers
from tests.support.http2_frames import message_start
from tests.support.http2_peer import Peer
from tests.support.token_gateway import UNLIMITED, RunningTokenGateway, running_token_gateway
from tests.support.waiting import eventually

SECONDS = 2.0
FEWEST_ANSWERS = 40


MOST_BYTES = 32 << 20
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
UNREAD_BYTES = 12 << 20
"""Of each stream. By default, Envoy takes 16 MiB from the gateway for a stream, and 24 MiB for a connection."""


@dataclass(frozen=True)
class Proxied(RunningTokenGateway):
    """A gateway behind Envoy. address: of Envoy."""

    envoy: Server

    def peak_memory(self) -> int:
        """Return the peak resident memory of the gateway and Envoy, in bytes."""
        return peak_memory(self.process.pid) + self.envoy.peak_memory()


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Proxied]:
    program = programs.envoy_for_long_checks()
    async with running_token_gateway(tmp_path, limits=UNLIMITED) as gateway:
        (tmp_path / "ca.pem").write_bytes(gateway.files.authority.pem)
        own = envoy.ProxyFiles(*(tmp_path / name for name in ("server.pem", "server.key", "ca.pem", "jwks.json")))
        port = int(gateway.address.rpartition(":")[2])
        with envoy.running(program, tmp_path, own, port) as server:
            yield Proxied(gateway.files, gateway.process, f"localhost:{server.port}", server)


async def list_providers(channel: grpc.aio.Channel, token: str) -> Any:
    stub: Any = ProviderServiceStub(channel)
    metadata = [("authorization", f"Bearer {token}")]
    return await stub.ListProviders(providers.ListProvidersRequest(), metadata=metadata, timeout=10)


async def test_call_with_a_token_reaches_the_gateway(proxied: Proxied) -> None:
    async with proxied.channel() as channel:
        await list_providers(channel, proxied.files.issuer.token())


@pytest.mark.parametrize("token", ["nobody", ""])
async def test_call_without_a_valid_token_does_not_reach_the_gateway(proxied: Proxied, token: str) -> None:
    async with proxied.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await list_providers(channel, token)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "keyway-request-id" not in dict(caught.value.trailing_metadata() or ())


async def test_health_needs_no_token_and_is_limited_in_rate(proxied: Proxied) -> None:
    async with proxied.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)).status == 1
        calls = [stub.Check(health_pb2.HealthCheckRequest(), timeout=10) for _ in range(200)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    rejected = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert rejected
    assert {answer.code() for answer in rejected} == {grpc.StatusCode.UNAVAILABLE}


async def test_reflection_and_watch_work(proxied: Proxied) -> None:
    async with proxied.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Watch(health_pb2.HealthCheckRequest(), timeout=10).read()).status == 1
        reflect: Any = channel.stream_stream(REFLECTION)
        call = reflect(timeout=10)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services="*").SerializeToString())
        assert b"keyway.v1.KeyService" in await call.read()


async def test_streams_that_nobody_reads_do_not_stop_other_calls(proxied: Proxied) -> None:
    """Reflection needs no token, and its responses could fill the windows between Envoy and the gateway."""
    token = proxied.files.issuer.token()
    symbol = reflection_pb2.ServerReflectionRequest(file_containing_symbol="keyway.v1.CertificateService")
    request = message_start(symbol.ByteSize()) + symbol.SerializeToString()
    async with proxied.channel() as channel:
        call: Any = channel.stream_stream(REFLECTION)(timeout=20)
        await call.write(symbol.SerializeToString())
        number = UNREAD_BYTES // len(await call.read()) + 1
        call.cancel()
        peer = Peer(proxied.address)
        peer.begin(window=0)
        for stream in (1, 3, 5):
            peer.open(stream, REFLECTION.encode())
            for _ in range(number):
                peer.send_data(stream, request)
        end = asyncio.get_running_loop().time() + 5 * SECONDS
        while asyncio.get_running_loop().time() < end:
            await list_providers(channel, token)
            peer.send(b"")
            await asyncio.sleep(0.1)
        peer.close()


async def test_new_connections_are_limited_in_rate(proxied: Proxied) -> None:
    """Envoy closes the connections above its rate before their handshake."""
    token = proxied.files.issuer.token()
    async with proxied.channel() as channel:
        await list_providers(channel, token)
        peers = [Peer(proxied.address, tls=False) for _ in range(400)]

        async def many_are_closed() -> bool:
            for peer in peers:
                if not peer.closed:
                    peer.read(0)
            return sum(peer.closed for peer in peers) >= 200

        await eventually(many_are_closed)
        await list_providers(channel, token)
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("frame", [CONTINUATION, EMPTY_CONTINUATION], ids=["full", "empty"])
async def test_connection_with_endless_headers_is_closed(proxied: Proxied, frame: bytes) -> None:
    assert closes_endless_headers(proxied.address, frame)


@pytest.mark.parametrize("kind", ATTACKS)
async def test_known_caller_is_served_during_an_attack(proxied: Proxied, kind: str) -> None:
    token, answers = proxied.files.issuer.token(), 0
    async with proxied.channel() as channel:
        await list_providers(channel, token)
        before = proxied.peak_memory()
        with attacking(kind, proxied.address):
            end = asyncio.get_running_loop().time() + SECONDS
            while asyncio.get_running_loop().time() < end:
                await list_providers(channel, token)
                answers += 1
        growth = proxied.peak_memory() - before
    assert answers >= FEWEST_ANSWERS
    assert growth <= MOST_BYTES
