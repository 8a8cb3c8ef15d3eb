"""The state of providers over several workers, through connections to different workers."""

import contextlib
from collections import Counter
from pathlib import Path

import grpc
import pytest

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc, provider_pb2, provider_service_pb2_grpc
from keyway.v1 import provider_service_pb2 as providers
from tests.support.ports import free_address
from tests.support.processes import Process, write_config
from tests.support.scraping import scrape, value
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.waiting import eventually
from tests.support.workers import OWN_CONNECTION

KEY = keys.GetPublicKeyRequest(name="providers/nhn-keys/keys/demo-rsa")
GET = providers.GetProviderRequest(name="providers/nhn-keys")
CHECK = providers.CheckProviderRequest(name="providers/nhn-keys")
CONNECTIONS = 8


async def test_every_worker_returns_the_same_state(stack: Stack, tmp_path: Path) -> None:
    address_of_metrics = free_address()
    config = write_config(
        tmp_path / "keyway.yaml",
        stack,
        telemetry={"prometheus_listen": address_of_metrics},
        providers=[stack.provider("nhn-keys", breaker={"minimum_calls": 1, "interval": 600}, retry={"attempts": 1})],
    )
    async with (
        Process(tmp_path, "serve", "--config", config, "--workers", "2") as process,
        contextlib.AsyncExitStack() as exits,
    ):
        address = await process.address()
        channels = [
            await exits.enter_async_context(grpc.aio.insecure_channel(address, options=OWN_CONNECTION))
            for _ in range(CONNECTIONS)
        ]
        services = [provider_service_pb2_grpc.ProviderServiceStub(channel) for channel in channels]

        async def states() -> list[provider_pb2.Provider]:
            return [(await service.GetProvider(GET)).provider for service in services]

        checked = (await services[0].CheckProvider(CHECK)).provider
        assert checked.state == provider_pb2.PROVIDER_STATE_READY
        assert (checked.circuit_breaker.workers, checked.circuit_breaker.open_workers) in ((1, 0), (2, 0))

        async def all_know_the_check() -> bool:
            return all(
                (one.check_time, one.activity.requests, one.circuit_breaker.workers) == (checked.check_time, 1, 2)
                for one in await states()
            )

        await eventually(all_know_the_check)
        await stack.controls[KEY_MANAGER].fail(mode="close", count=100)
        with pytest.raises(grpc.aio.AioRpcError):
            await key_service_pb2_grpc.KeyServiceStub(channels[0]).GetPublicKey(KEY)

        async def all_know_the_failure() -> bool:
            return all(one.activity.failed_requests for one in await states())

        await eventually(all_know_the_failure)
        found = await states()
        page = await scrape(address_of_metrics)
        await stack.controls[KEY_MANAGER].reset()
        assert (await services[-1].CheckProvider(CHECK)).provider.state == provider_pb2.PROVIDER_STATE_READY

        async def all_are_closed() -> bool:
            return not any(one.circuit_breaker.open_workers for one in await states())

        await eventually(all_are_closed)
    assert Counter(one.state for one in found) == {provider_pb2.PROVIDER_STATE_UNREACHABLE: CONNECTIONS}
    breaker = found[0].circuit_breaker
    assert (breaker.state, breaker.open_workers, breaker.workers) == (
        provider_pb2.CIRCUIT_BREAKER_STATE_OPEN,
        1,
        2,
    )
    assert {one.circuit_breaker.SerializeToString() for one in found} == {breaker.SerializeToString()}
    assert value(page, "keyway_provider_breaker_overall") == 2
    assert value(page, "keyway_provider_breaker_open_workers") == 1
    without_worker = [line for line in page.splitlines() if 'worker="' not in line or 'worker=""' in line]
    assert 10e6 < value("\n".join(without_worker), "process_memory_usage_bytes") < 4e9
    assert value("\n".join(without_worker), "process_cpu_time_seconds_total", 'cpu_mode="user"') > 0
    activity = found[0].activity
    assert [(failure.reason, failure.count) for failure in activity.failures] == [("PROVIDER_CONNECTION_LOST", 1)]
    assert activity.requests in (2, 3)  # one more if the worker of the check found its idle connection closed
    assert 0 < activity.latency_p50.ToMicroseconds() <= activity.latency_p99.ToMicroseconds() <= 10_000_000
