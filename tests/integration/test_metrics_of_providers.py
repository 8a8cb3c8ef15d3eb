"""Metrics of upstreams and caches on the page for Prometheus."""

import grpc
import pytest

from gateway import app
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import certificate_service_pb2_grpc, key_service_pb2_grpc
from keyway.v1 import key_service_pb2 as keys
from tests.support.ports import free_address
from tests.support.scraping import scrape, value
from tests.support.stack import KEY_MANAGER, Stack

KEY = keys.GetPublicKeyRequest(name="providers/nhn-keys/keys/demo-rsa")
ENCRYPT = keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"x")


async def test_metrics_contain_breaker_retries_and_cache(stack: Stack) -> None:
    address = free_address()
    settings = stack.settings(
        stack.provider("nhn-keys", cache={"ttl": 600}, breaker={"minimum_calls": 1, "interval": 600}),
        telemetry={"prometheus_listen": address},
    )
    async with app.gateway(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        service = key_service_pb2_grpc.KeyServiceStub(channel)
        for _ in range(3):
            await service.GetPublicKey(KEY)
        before = await scrape(address)
        await stack.controls[KEY_MANAGER].fail(mode="close", count=100)
        with pytest.raises(grpc.aio.AioRpcError):
            await service.Encrypt(ENCRYPT)
        after = await scrape(address)
    assert value(before, "keyway_cache_hits", 'keyway_provider="nhn-keys"') == 2
    assert value(before, "keyway_cache_misses", 'keyway_provider="nhn-keys"') == 1
    assert value(before, "keyway_provider_breaker") == 0
    assert value(after, "keyway_provider_breaker") == 2
    assert value(after, "keyway_provider_breaker_overall") == 2
    assert value(after, "keyway_provider_breaker_open_workers") == 1
    assert value(after, "keyway_provider_requests_in_flight") == 0


async def test_calls_are_measured_by_method_and_provider(stack: Stack) -> None:
    address = free_address()
    async with app.gateway(stack.settings(telemetry={"prometheus_listen": address})) as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            key_service = key_service_pb2_grpc.KeyServiceStub(channel)
            await key_service.GetPublicKey(KEY)
            await key_service.BatchEncrypt(keys.BatchEncryptRequest(requests=[ENCRYPT, ENCRYPT]))
            for unknown in ("providers/made-up/keys/a", "anything/made-up/a", "made-up"):
                with pytest.raises(grpc.aio.AioRpcError):
                    await key_service.GetPublicKey(keys.GetPublicKeyRequest(name=unknown))
            await certificate_service_pb2_grpc.CertificateServiceStub(channel).ListCertificates(
                certificates.ListCertificatesRequest(parent="providers/-")
            )
        page = await scrape(address)
    count = "rpc_server_call_duration_seconds_count"
    assert value(page, count, 'keyway_provider="nhn-keys",rpc_method="keyway.v1.KeyService/GetPublicKey"') == 1
    assert value(page, count, 'keyway_provider="nhn-keys",rpc_method="keyway.v1.KeyService/BatchEncrypt"') == 1
    assert value(page, count, 'keyway_provider="",rpc_method="keyway.v1.CertificateService/ListCertificates"') == 1
    assert value(page, "keyway_calls_failed_total", 'keyway_reason="PROVIDER_NOT_FOUND"') == 1
    assert "made-up" not in page
