"""Envoy's Secret Discovery Service: both variants, answers of nodes, policy, and audit records."""

from pathlib import Path

from gateway.surfaces.sds import envoy_messages as envoy
from tests.support.envoy_sds import SdsScene, certificate_name, secrets_in
from tests.support.stack import Stack


async def test_delta_stream_delivers_a_certificate_with_its_key(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack, aliases={"www": name})
    leaf = await scene.renew("edge-a")
    async with scene.served(), scene.connected() as node, node.delta(name, "www") as stream:
        found = {**await stream.accepted(), **await stream.accepted()}
    assert found.keys() == {name, "www"}
    for secret in found.values():
        assert secret.tls_certificate.certificate_chain.inline_bytes == leaf.chain_pem + scene.authority.pem
        assert secret.tls_certificate.private_key.inline_bytes == leaf.key_pem


async def test_state_of_the_world_stream_and_fetch_deliver_a_certificate(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    leaf = await scene.renew("edge-a")
    async with scene.served(), scene.connected() as node:
        async with node.world(name) as stream:
            response = await stream.read()
            await stream.accept(response)
        fetched = await node.fetch(name, certificate_name("edge-missing"))
    secret = secrets_in(response.resources)[name]
    assert secret.tls_certificate.private_key.inline_bytes == leaf.key_pem
    assert fetched == {name: secret}
    assert response.version_info


async def test_missing_denied_and_unknown_secrets_are_removed_at_once(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    await scene.renew("other")
    names = {certificate_name("edge-missing"), certificate_name("other"), certificate_name("other-missing"), "no-name"}
    async with scene.served(), scene.connected() as node:
        responses = []
        async with node.delta(*names, certificate_name("edge-a")) as stream:
            for _ in range(5):
                response = await stream.read()
                await stream.accept(response)
                responses.append(response)
    removed = [response for response in responses if response.removed_resources]
    assert {name for response in removed for name in response.removed_resources} == names
    for response in removed:
        response.ClearField("removed_resources")
        response.ClearField("nonce")
    assert all(response == envoy.DeltaDiscoveryResponse(type_url=response.type_url) for response in removed)
