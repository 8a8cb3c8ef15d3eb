"""Real Envoy with the shipped configurations, and certificates that the gateway delivers."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from keyway.v1 import certificate_service_pb2 as certificates
from tests.support import envoy_sds_proxy as proxy
from tests.support import programs
from tests.support.asteria import store_name
from tests.support.envoy_sds import SdsScene, certificate_name
from tests.support.ports import free_port
from tests.support.stack import Stack
from tests.support.waiting import eventually

VARIANTS = ("DELTA_GRPC", "GRPC")
ALIASES = {"www.example.com": certificate_name("edge-www"), "shop.example.com": certificate_name("edge-shop")}
ROTATIONS = 50
SECONDS = 60.0


@dataclass(frozen=True)
class Edge:
    """Envoy with the static configuration. www, shop: the ports of its listeners."""

    scene: SdsScene
    program: Path
    config: Path
    admin: int
    www: int
    shop: int

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with proxy.running(self.program, self.config, self.admin):
            yield


@pytest.fixture
async def edge(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Edge:
    program = programs.envoy_for_long_checks()
    scene = SdsScene(tmp_path, stack, aliases=ALIASES)
    www, shop = proxy.two_ports()
    admin = free_port()
    replaced = {
        "port_value: 8443": f"port_value: {www}",
        "port_value: 8444": f"port_value: {shop}",
        "port_value: 0}": f"port_value: {admin}}}",
        "DELTA_GRPC": getattr(request, "param", "DELTA_GRPC"),
    }
    return Edge(scene, program, proxy.write_config(scene, "static", tmp_path, replaced), admin, www, shop)


async def test_missing_secret_delays_no_other_listener_and_is_delivered_later(edge: Edge) -> None:
    """Without an answer about the missing secret, no listener would start."""
    text = edge.config.read_text()
    edge.config.write_text(
        text.replace("resource_api_version: V3", "initial_fetch_timeout: 0s\n" + " " * 22 + "resource_api_version: V3")
    )
    leaf = await edge.scene.renew("edge-www")
    async with edge.scene.served():
        with edge.running():
            await eventually(lambda: proxy.serves(edge.www, leaf.certificate), SECONDS)
            late = await edge.scene.renew("edge-shop")
            await eventually(lambda: proxy.serves(edge.shop, late.certificate), SECONDS)
    assert not edge.scene.events("RejectSecret")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("edge", VARIANTS, indirect=True)
async def test_every_rotation_is_seen_and_no_handshake_fails(edge: Edge) -> None:
    leaf = await edge.scene.renew("edge-www")
    seen: Counter[x509.Certificate] = Counter()
    failures: list[str] = []

    async def connect_repeatedly() -> None:
        while True:
            try:
                seen[await proxy.served_certificate(edge.www)] += 1
            except (OSError, TimeoutError, ssl.SSLError) as error:
                failures.append(repr(error))
            await asyncio.sleep(0.01)

    async with edge.scene.served():
        with edge.running():
            await eventually(lambda: proxy.serves(edge.www, leaf.certificate), SECONDS)
            load = [asyncio.create_task(connect_repeatedly()) for _ in range(4)]
            rotated = []
            for _ in range(ROTATIONS):
                rotated.append(leaf := await edge.scene.renew("edge-www"))

                async def is_seen(wanted: x509.Certificate = leaf.certificate) -> bool:
                    return wanted in seen

                await eventually(is_seen, SECONDS)
            for task in load:
                task.cancel()
            await asyncio.wait(load)
            await eventually(lambda: accepted(edge.scene, ROTATIONS), SECONDS)
    assert failures == []
    assert all(each.certificate in seen for each in rotated)
    print("handshakes, certificates seen:", seen.total(), len(seen))


async def accepted(scene: SdsScene, count: int) -> bool:
    return len(scene.events("AcceptSecret")) >= count


async def test_envoy_keeps_its_certificate_while_the_gateway_is_down_and_after_a_restart(edge: Edge) -> None:
    leaf = await edge.scene.renew("edge-www")
    with contextlib.ExitStack() as running:
        async with edge.scene.served():
            running.enter_context(edge.running())
            await eventually(lambda: proxy.serves(edge.www, leaf.certificate), SECONDS)
        assert await proxy.serves(edge.www, leaf.certificate)
        before = len(edge.scene.events("AcceptSecret"))
        async with edge.scene.served() as server:

            async def is_known() -> bool:
                return any(each.accepted for each in server.deliveries.entries.values())

            await eventually(is_known, SECONDS)
            assert await proxy.serves(edge.www, leaf.certificate)
        # What Envoy holds was not sent again, so there was nothing to accept.
        assert len(edge.scene.events("AcceptSecret")) == before


async def test_certificate_is_obtained_on_demand_by_host_name(stack: Stack, tmp_path: Path) -> None:
    program = programs.envoy_for_long_checks()
    scene = SdsScene(tmp_path, stack, aliases=ALIASES)
    port, admin = proxy.two_ports()
    replaced = {"port_value: 8443": f"port_value: {port}", "port_value: 0}": f"port_value: {admin}}}"}
    config = proxy.write_config(scene, "on-demand", tmp_path, replaced)
    www, shop = await scene.renew("edge-www"), await scene.renew("edge-shop")
    async with scene.served():
        with proxy.running(program, config, admin):
            await eventually(lambda: proxy.serves(port, www.certificate, "www.example.com"), SECONDS)
            assert len(scene.events("DownloadCertificate")) == 1
            await eventually(lambda: proxy.serves(port, shop.certificate, "shop.example.com"), SECONDS)
            renewed = await scene.renew("edge-shop")
            await eventually(lambda: proxy.serves(port, renewed.certificate, "shop.example.com"), SECONDS)


async def test_envoy_presents_and_verifies_what_the_gateway_delivers(stack: Stack, tmp_path: Path) -> None:
    """Mutual TLS with an upstream: the client certificate and the trust bundle come from the gateway."""
    program = programs.envoy_for_long_checks()
    store = store_name("server")
    aliases = {"orders-client": certificate_name("edge-orders"), "orders-authorities": store}
    scene = SdsScene(tmp_path, stack, aliases=aliases, trust_stores={store: {"certificates_file": "authorities.pem"}})
    (tmp_path / "authorities.pem").write_bytes(scene.authority.pem)
    client = await scene.renew("edge-orders")
    upstream = scene.authority.issue(hosts=["orders.example.org"])
    port, admin = proxy.two_ports()
    async with proxy.mutual_tls_server(upstream, scene.authority, tmp_path) as (orders, callers):
        replaced = {
            "port_value: 8080": f"port_value: {port}",
            "port_value: 0}": f"port_value: {admin}}}",
            "address: orders.example.org, port_value: 443": f"address: 127.0.0.1, port_value: {orders}",
        }
        config = proxy.write_config(scene, "upstream-mtls", tmp_path, replaced)
        async with scene.served() as server, scene.trusted.caller(server.address) as operator:
            await operator.certificates.ImportTrustedAuthority(
                certificates.ImportTrustedAuthorityRequest(parent=store, content=scene.authority.pem)
            )
            with proxy.running(program, config, admin):

                async def is_answered() -> bool:
                    return await proxy.plain_status(port) == 200

                await eventually(is_answered, SECONDS)
    assert set(callers) == {client.certificate}
