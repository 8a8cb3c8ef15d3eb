"""Real Envoy with the shipped configurations, and certificates that the gateway delivers."""

from pathlib import Path

import pytest

from tests.support import envoy_sds_proxy as proxy
from tests.support import programs
from tests.support.envoy_sds import SdsScene, certificate_name
from tests.support.ports import free_port
from tests.support.stack import Stack
from tests.support.waiting import eventually

ALIASES = {"www.example.com": certificate_name("edge-www"), "shop.example.com": certificate_name("edge-shop")}


@pytest.mark.parametrize("variant", ["DELTA_GRPC", "GRPC"])
async def test_envoy_serves_the_certificate_that_the_gateway_delivers(
    stack: Stack, tmp_path: Path, variant: str
) -> None:
    program = programs.envoy()
    scene = SdsScene(tmp_path, stack, aliases=ALIASES)
    www, shop = proxy.two_ports()
    admin = free_port()
    config = proxy.write_config(
        scene,
        "static",
        tmp_path,
        {
            "port_value: 8443": f"port_value: {www}",
            "port_value: 8444": f"port_value: {shop}",
            "port_value: 0}": f"port_value: {admin}}}",
            "DELTA_GRPC": variant,
        },
    )
    leaf = await scene.renew("edge-www")
    async with scene.served():
        with proxy.running(program, config, admin):
            await eventually(lambda: proxy.serves(www, leaf.certificate))
            await scene.renew("edge-shop")
            await eventually(lambda: accepted(scene))
    assert not scene.events("RejectSecret")


async def accepted(scene: SdsScene) -> bool:
    return bool(scene.events("AcceptSecret"))
