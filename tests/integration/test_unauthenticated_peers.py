"""Peers without credentials cannot stop the gateway from serving, and cannot fill its memory."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.bench.accounting import peak_memory
from tests.support.hostile_peer import METHOD, attacking
from tests.support.http2_peer import Peer
from tests.support.token_gateway import RunningTokenGateway, running_token_gateway
from tests.support.waiting import eventually

SECONDS = 2.0
FEWEST_ANSWERS = 200
MOST_BYTES = 160 << 20


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningTokenGateway]:
    async with running_token_gateway(tmp_path) as gateway:
        yield gateway


def connects(address: str) -> bool:
    """Return whether the gateway accepts a further connection."""
    with contextlib.suppress(OSError):
        Peer(address).close()
        return True
    return False


async def answered(peer: Peer, stream: int) -> bool:
    """Return whether the response of a stream has begun."""
    peer.read(0)
    return stream in peer.answered


async def health_answers(channel: grpc.aio.Channel) -> int:
    """Return the number of health checks, one after the other, that are answered in SECONDS."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    loop, answers = asyncio.get_running_loop(), 0
    end = loop.time() + SECONDS
    while loop.time() < end:
        await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
        answers += 1
    return answers


@pytest.mark.parametrize("kind", ["settings", "priority", "window-update"])
async def test_control_frames_of_one_peer_do_not_stop_health_answers(kind: str, gateway: RunningTokenGateway) -> None:
    async with gateway.channel() as channel:
        await channel.channel_ready()
        with attacking(kind, gateway.address):
            answers = await health_answers(channel)
    assert answers >= FEWEST_ANSWERS


@pytest.mark.parametrize("kind", ["messages", "health-messages"])
async def test_unfinished_messages_do_not_fill_the_memory(kind: str, gateway: RunningTokenGateway) -> None:
    """16 connections with 64 unfinished messages of 4 MiB each would take 4 GiB."""
    async with gateway.channel() as channel:
        await channel.channel_ready()
        before = peak_memory(gateway.process.pid)
        with attacking(kind, gateway.address):
            answers = await health_answers(channel) + await health_answers(channel)
        growth = peak_memory(gateway.process.pid) - before
    assert answers
    assert growth <= MOST_BYTES


async def test_call_without_token_is_answered_before_its_message_is_sent(gateway: RunningTokenGateway) -> None:
    peer = Peer(gateway.address)
    peer.begin()
    peer.open(1, METHOD)

    async def ended() -> bool:
        peer.read(0.01)
        return 1 in peer.ended

    await eventually(ended)
    peer.close()


async def test_watcher_that_takes_no_response_blocks_neither_others_nor_the_stop(gateway: RunningTokenGateway) -> None:
    peer = Peer(gateway.address)
    peer.begin(window=0)
    peer.open(1, b"/grpc.health.v1.Health/Watch")
    peer.send_data(1, bytes(5))
    await eventually(lambda: answered(peer, 1))
    async with gateway.channel() as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        gateway.process.send(signal.SIGTERM)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (await gateway.process.ended()).code == 0
    peer.close()


async def test_connections_are_limited(tmp_path: Path) -> None:
    async with running_token_gateway(tmp_path, maximum_connections=5) as gateway:
        peers = [Peer(gateway.address) for _ in range(5)]
        assert not connects(gateway.address)
        for peer in peers:
            peer.close()

        async def connects_again() -> bool:
            return connects(gateway.address)

        await eventually(connects_again)


@contextlib.contextmanager
def open_files(soft: int) -> Iterator[None]:
    """Limit the open files of the processes that the block starts."""
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, own[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, own)


async def test_connections_leave_open_files_for_the_rest_of_the_gateway(tmp_path: Path) -> None:
    """The default number of connections alone would need 1,000 of 1,024 files."""
    with open_files(1024):
        async with running_token_gateway(tmp_path) as gateway:
            soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
            assert soft == min(hard, 1 << 20)
            assert "open_files_limited" not in gateway.process.events()


@pytest.mark.parametrize(
    ("path", "metadata"),
    [
        (METHOD, [(b"authorization", b"Bearer marker-\xff-of-a-token")]),
        (METHOD, [(b"marker-\xff", b"v")]),
        (b"/keyway.v1.KeyService/marker-\xff", []),
    ],
    ids=["value", "name", "path"],
)
async def test_bytes_that_are_not_utf_8_are_not_logged(
    path: bytes, metadata: list[tuple[bytes, bytes]], gateway: RunningTokenGateway
) -> None:
    peer = Peer(gateway.address)
    peer.begin()
    for stream in range(1, 101, 2):
        peer.open(stream, path, metadata)
    await gateway.process.logged("library_log")
    peer.close()
    ended = await gateway.process.stopped()
    assert ended.code == 0
    assert "marker" not in ended.errors
    assert sum(line["event"] == "library_log" for line in ended.log()) < 10
