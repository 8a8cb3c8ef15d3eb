"""Envoy's Secret Discovery Service: both variants, answers of nodes, policy, and audit records."""

import contextlib
from pathlib import Path

from gateway.deliveries.ledger import DeliveryState
from gateway.server.gateway_server import GatewayServer
from gateway.surfaces.sds import envoy_messages as envoy
from tests.support.envoy_sds import EDGE, SdsScene, certificate_name, secrets_in
from tests.support.stack import CERTIFICATE_MANAGER, Stack
from tests.support.trusted import as_text
from tests.support.waiting import eventually

SECRET_ERROR = "the key MIGHAgEAMBMGByqGSM49 cannot be used"


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


async def test_renewal_is_pushed_once_to_every_node_and_read_once(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    async with scene.served(), scene.connected() as node, contextlib.AsyncExitStack() as streams:
        nodes = [await streams.enter_async_context(node.delta(name, node=f"edge-{number}")) for number in range(5)]
        for each in nodes:
            await each.accepted()
        await eventually(lambda: answered(scene, "AcceptSecret", 5))
        before = len(scene.events("DownloadCertificate"))
        await scene.stack.controls[CERTIFICATE_MANAGER].forget_requests()
        leaf = await scene.renew("edge-a")
        for each in nodes:
            found = await each.accepted()
            assert found[name].tls_certificate.private_key.inline_bytes == leaf.key_pem
        await eventually(lambda: answered(scene, "AcceptSecret", 10))
    downloads = scene.events("DownloadCertificate")[before:]
    assert len(downloads) == 5
    assert sum(len(each["unmapped"].get("attempts", ())) for each in downloads) == 1
    for event in downloads:
        assert event["actor"]["user"]["uid"] == EDGE
        assert event["actor"]["app_name"].startswith("edge-")
        assert event["unmapped"]["surface"] == {"name": "sds", "stated_by_caller": False}
        assert event["src_endpoint"]["ip"] in {"127.0.0.1", "::1"}


async def test_rejected_version_is_not_sent_again_until_the_content_changes(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    async with scene.served() as server, scene.connected() as node:
        async with node.delta(name) as stream:
            first = await stream.read()
            await stream.accept(first)
            await scene.renew("edge-a")
            second = await stream.read()
            await stream.reject(second, SECRET_ERROR)
            await eventually(lambda: answered(scene, "RejectSecret", 1))
            third = await scene.renew("edge-a")
            found = await stream.accepted()
            assert found[name].tls_certificate.private_key.inline_bytes == third.key_pem
            await scene.renew("edge-a")
            await stream.reject(await stream.read(), SECRET_ERROR)
            await eventually(lambda: answered(scene, "RejectSecret", 2))
        # The node reconnects with the version that it uses. It does not receive the rejected one again.
        held = versions_of(server)[name]
        async with node.delta(name, held={name: held}) as stream:
            leaf = await scene.renew("edge-a")
            found = await stream.accepted()
            assert found[name].tls_certificate.private_key.inline_bytes == leaf.key_pem
    assert SECRET_ERROR not in as_text(scene.trusted.events())


async def test_key_of_another_certificate_is_never_sent(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    first = await scene.renew("edge-a")
    async with scene.served() as server, scene.connected() as node, node.delta(name) as stream:
        await stream.accepted()
        await scene.renew("edge-a", key_of=first)

        async def is_unsendable() -> bool:
            return {each.state for each in server.deliveries.entries.values()} == {DeliveryState.UNSENDABLE}

        await eventually(is_unsendable)
        leaf = await scene.renew("edge-a")
        found = await stream.accepted()
        assert found[name].tls_certificate.private_key.inline_bytes == leaf.key_pem


async def test_nothing_that_a_node_holds_is_sent_again_after_a_restart(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    async with scene.served(), scene.connected() as node, node.delta(name) as stream:
        response = await stream.read()
        await stream.accept(response)
        held = response.resources[0].version
    async with (
        scene.served() as server,
        scene.connected() as node,
        node.delta(name, held={name: held}, node="delta") as delta,
        node.world(name, held=held) as world,
    ):

        async def both_are_known() -> bool:
            return [each.state for each in server.deliveries.entries.values()] == [DeliveryState.ACCEPTED] * 2

        await eventually(both_are_known)
        leaf = await scene.renew("edge-a")
        found = await delta.accepted()
        response = await world.read()
        await world.accept(response)
    # The first responses of both streams are about the renewal.
    for secret in (found[name], secrets_in(response.resources)[name]):
        assert secret.tls_certificate.private_key.inline_bytes == leaf.key_pem


async def test_policy_decides_at_each_push_and_a_permission_takes_effect(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    permitted = scene.policies.read_text()
    async with scene.served(), scene.connected() as node, node.delta(name) as stream:
        await stream.accepted()
        scene.policies.write_text(permitted.replace("edge-*", "none-*"))

        async def is_denied() -> bool:
            await scene.renew("edge-a")
            return bool([e for e in scene.events("DownloadCertificate") if e["status_code"] == "PERMISSION_DENIED"])

        await eventually(is_denied)
        removed: list[str] = []
        while not removed:
            response = await stream.read()
            await stream.accept(response)
            removed = list(response.removed_resources)
        assert removed == [name]
        leaf = await scene.renew("edge-a")
        scene.policies.write_text(permitted)
        found = await stream.accepted()
        assert found[name].tls_certificate.private_key.inline_bytes == leaf.key_pem


async def answered(scene: SdsScene, operation: str, count: int) -> bool:
    return len(scene.events(operation)) >= count


def versions_of(server: GatewayServer) -> dict[str, str]:
    return {key.secret: each.accepted for key, each in server.deliveries.entries.items()}


async def test_node_cannot_make_the_gateway_watch_what_it_may_not_receive(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack)
    await scene.renew("other")
    await scene.renew("edge-a")
    names = [certificate_name("other"), "providers/no-provider/certificates/edge-a"]
    async with scene.served() as server, scene.connected() as node:
        async with node.delta(*names, held={names[0]: "v" * 100_000}) as stream:
            removed = [(await stream.read()).removed_resources for _ in names]
            assert sorted(name for each in removed for name in each) == sorted(names)
            assert not server.versions.ages()
        async with node.delta(certificate_name("edge-a")) as stream:
            await stream.accepted()
            assert server.versions.ages().keys() == {"nhn-certs"}
    assert not [each for each in scene.events("PollCertificateFile") if "/other" in str(each)]
    assert {each["status_code"] for each in scene.events("DownloadCertificate")} >= {"PERMISSION_DENIED", "OK"}
