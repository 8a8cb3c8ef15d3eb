"""Envoy's Secret Discovery Service: limits of streams, of secrets, and of nodes that take no messages."""

import contextlib
from pathlib import Path

import grpc
import pytest

from gateway.surfaces.sds import envoy_messages as envoy
from gateway.surfaces.sds.envoy_messages import SERVICE
from tests.support.envoy_sds import EDGE, SECONDS, SdsScene, certificate_name, end_of
from tests.support.http2_frames import message_start
from tests.support.http2_peer import Peer
from tests.support.ports import free_address
from tests.support.scraping import scrape, value
from tests.support.stack import Stack
from tests.support.trusted import OPERATOR
from tests.support.waiting import eventually

MODULES = {"DeltaSecrets": "stream", "FetchSecrets": "handlers"}
REQUESTS = {
    "DeltaSecrets": envoy.DeltaDiscoveryRequest(resource_names_subscribe=[certificate_name("edge-a")]),
    "FetchSecrets": envoy.DiscoveryRequest(resource_names=[certificate_name("edge-a")]),
}


async def test_streams_of_a_caller_are_limited(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack, maximum_streams_per_caller=1)
    async with scene.served(), scene.connected() as node:
        async with node.delta("no-name") as stream:
            await stream.read()
            async with node.delta("no-name") as second:
                code, details = await end_of(second)
        assert (code, "maximum_streams_per_caller" in details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)

        async def is_free() -> bool:
            async with node.delta("no-name") as stream:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await stream.read()
                    return True
            return False

        await eventually(is_free)


async def test_secrets_of_a_caller_are_limited_over_all_its_streams(stack: Stack, tmp_path: Path) -> None:
    metrics = free_address()
    scene = SdsScene(tmp_path, stack, maximum_secrets_per_caller=3)
    scene.trusted.configuration["telemetry"] = {"prometheus_listen": metrics}
    async with scene.served(), scene.connected() as node, scene.connected(OPERATOR) as other:
        async with node.delta("a", "b", node="one") as first, node.delta("c", node="two") as second:
            for stream in (first, first, second):
                await stream.read()
            assert value(await scrape(metrics), "keyway_sds_caller_secrets") == 3
            async with node.delta("d", node="three") as third:
                code, details = await end_of(third)
            assert (code, "maximum_secrets_per_caller" in details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
            async with other.delta("d") as stream:
                assert list((await stream.read()).removed_resources) == ["d"]
            message = envoy.DeltaDiscoveryRequest(resource_names_unsubscribe=["a"], resource_names_subscribe=["d"])
            await first.send(message)
            assert list((await first.read()).removed_resources) == ["d"]

        async def are_released() -> bool:
            return value(await scrape(metrics), "keyway_sds_caller_secrets") == 0

        await eventually(are_released)


@pytest.mark.parametrize("method", ["DeltaSecrets", "FetchSecrets"])
async def test_node_that_takes_no_message_loses_its_connection(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(f"gateway.surfaces.sds.{MODULES[method]}.WRITE_SECONDS", 1.0)
    scene = SdsScene(tmp_path, stack, maximum_streams_per_caller=1)
    await scene.renew("edge-a")
    client = scene.trusted.authority.issue(uris=[EDGE]).write(tmp_path, "edge")
    request = REQUESTS[method].SerializeToString()
    async with scene.served(), scene.connected() as node:
        with contextlib.closing(Peer(scene.address, certificate=client)) as peer:
            peer.begin(window=0)
            peer.open(1, f"/{SERVICE}/{method}".encode())
            peer.send_data(1, message_start(len(request)) + request)

            async def is_closed() -> bool:
                peer.send(b"")  # acknowledges the settings; otherwise, gRPC itself closes the connection
                peer.read(0.01)
                return peer.closed

            await eventually(is_closed, SECONDS)

        async def is_served() -> bool:
            async with node.delta(certificate_name("edge-a")) as stream:
                with contextlib.suppress(AssertionError, grpc.aio.AioRpcError):
                    return bool(await stream.accepted())
            return False

        await eventually(is_served, SECONDS)


async def test_invalid_requests_name_the_field_and_the_limit(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack, maximum_secrets_per_stream=2)
    async with scene.served(), scene.connected() as node:
        async with node.delta("a", "b", "c") as stream:
            code, details = await end_of(stream)
        assert (code, "maximum_secrets_per_stream" in details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
        async with node.delta("x" * 1025) as stream:
            code, details = await end_of(stream)
        assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "resource names: at most 1024 characters each")
        async with node.delta() as stream:
            await stream.send(envoy.DeltaDiscoveryRequest(type_url="type.googleapis.com/other"))
            code, details = await end_of(stream)
        assert (code, details.startswith("type_url: must be ")) == (grpc.StatusCode.INVALID_ARGUMENT, True)
