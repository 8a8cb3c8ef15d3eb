"""Peers without credentials cannot stop the gateway from serving, and cannot fill its memory."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.hostile_peer import attacking
from tests.support.processes import Process
from tests.support.token_gateway import TokenGateway

SECONDS = 2.0
FEWEST_ANSWERS = 200


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
async def test_control_frames_of_one_peer_do_not_stop_health_answers(kind: str, tmp_path: Path) -> None:
    known = TokenGateway(tmp_path)
    async with Process(tmp_path, "serve", "--config", known.config) as process:
        address = await process.address()
        credentials = grpc.ssl_channel_credentials(known.authority.pem)
        async with grpc.aio.secure_channel(address, credentials) as channel:
            await channel.channel_ready()
            with attacking(kind, address):
                answers = await health_answers(channel)
    assert answers >= FEWEST_ANSWERS
