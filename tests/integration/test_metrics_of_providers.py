"""Metrics of upstreams and caches on the page for Prometheus."""

import socket

import aiohttp
import grpc
import pytest

from gateway import app
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc
from tests.support.stack import KEY_MANAGER, Stack

KEY = keys.GetPublicKeyRequest(name="providers/nhn-keys/keys/demo-rsa")
ENCRYPT = keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"x")


async def test_metrics_contain_breaker_retries_and_cache(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = stack.settings(
        stack.provider("nhn-keys", cache={"ttl": 600}, breaker={"minimum_calls": 1, "interval": 600}),
        telemetry={"prometheus_listen": f"127.0.0.1:{port}"},
    )
    async with app.gateway(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        service = key_service_pb2_grpc.KeyServiceStub(channel)
        for _ in range(3):
            await service.GetPublicKey(KEY)
        before = await page(port)
        await stack.controls[KEY_MANAGER].fail(mode="close", count=100)
        with pytest.raises(grpc.aio.AioRpcError):
            await service.Encrypt(ENCRYPT)
        after = await page(port)
    assert 'keyway_cache_hits{keyway_provider="nhn-keys"} 2.0' in before
    assert 'keyway_cache_misses{keyway_provider="nhn-keys"} 1.0' in before
    assert value(before, "keyway_provider_breaker") == 0
    assert value(after, "keyway_provider_breaker") == 2
    assert value(after, "keyway_provider_requests_in_flight") == 0


async def page(port: int) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert response.status == 200
        return await response.text()


def value(text: str, name: str) -> float:
    (line,) = (line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name}_")))
    return float(line.rsplit(" ", 1)[1])
