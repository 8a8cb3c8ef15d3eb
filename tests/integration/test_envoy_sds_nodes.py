"""Envoy's Secret Discovery Service: who receives what, ends of streams, the ledger, and secrecy."""

import asyncio
import contextlib
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.config.base import ConfigError
from gateway.surfaces.sds.envoy_messages import SERVICE
from keyway.v1 import audit_service_pb2 as audit
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.asteria import store_name
from tests.support.authority import CertificateAuthority
from tests.support.collector import Collector
from tests.support.envoy_sds import EDGE, SECONDS, SdsClient, SdsScene, certificate_name, end_of, secrets_in
from tests.support.ports import free_address
from tests.support.processes import Process
from tests.support.scraping import scrape, value
from tests.support.secrecy import Secret, leaks
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR, OPERATOR
from tests.support.waiting import eventually
from tests.support.workers import OWN_CONNECTION, kill, worker_pids


async def test_trust_bundle_has_the_authorities_of_the_trust_store(stack: Stack, tmp_path: Path) -> None:
    store = store_name("server")
    known, other = CertificateAuthority("Known"), CertificateAuthority("Other")
    scene = SdsScene(
        tmp_path, stack, trust_stores={store: {"certificates_file": "authorities.pem"}}, trust_store_interval=1
    )
    (tmp_path / "authorities.pem").write_bytes(known.pem + other.pem)
    async with scene.served() as server, scene.trusted.caller(server.address, OPERATOR) as operator:
        await operator.certificates.ImportTrustedAuthority(
            certificates.ImportTrustedAuthorityRequest(parent=store, content=known.pem)
        )
        async with scene.connected() as node, node.delta(store) as stream:
            found = await stream.accepted()
            assert found[store].validation_context.trusted_ca.inline_bytes == known.pem
            await operator.certificates.ImportTrustedAuthority(
                certificates.ImportTrustedAuthorityRequest(parent=store, content=other.pem)
            )
            found = await stream.accepted()
            both = found[store].validation_context.trusted_ca.inline_bytes
            assert known.pem in both
            assert other.pem in both
    assert scene.events("GetTrustedAuthority")


async def test_caller_without_permission_and_unauthenticated_peer_receive_nothing(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    await scene.renew("edge-a")
    async with scene.served():
        async with scene.connected(AUDITOR) as node, node.delta(name) as stream:
            response = await stream.read()
            assert list(response.removed_resources) == [name]
        credentials = scene.trusted.channel_credentials(None)
        async with grpc.aio.secure_channel(scene.address, credentials) as channel:
            call: Any = channel.unary_unary(f"/{SERVICE}/FetchSecrets")
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"", timeout=SECONDS)


async def test_stream_ends_with_the_drain_and_with_the_credential(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack)
    async with contextlib.AsyncExitStack() as streams:
        async with scene.served():
            node = await streams.enter_async_context(scene.connected())
            stream = await streams.enter_async_context(node.delta("no-name"))
            await stream.read()
            # On a busy machine, a short lifetime can end before the stream begins.
            ended = await end_with_credential(scene, 4) or await end_with_credential(scene, 40)
            assert ended is grpc.StatusCode.UNAUTHENTICATED
        assert (await end_of(stream))[0] is grpc.StatusCode.UNAVAILABLE


async def end_with_credential(scene: SdsScene, seconds: float) -> grpc.StatusCode | None:
    """Return how the stream of a node ends whose certificate expires; None if the stream did not begin."""
    authority = scene.trusted.authority
    short = authority.issue(uris=[EDGE], expires_in=timedelta(seconds=seconds))
    credentials = grpc.ssl_channel_credentials(authority.pem, short.key_pem, short.chain_pem)
    async with grpc.aio.secure_channel(scene.address, credentials, options=OWN_CONNECTION) as channel:
        with contextlib.suppress(AssertionError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            async with SdsClient(channel).delta("no-name") as stream:
                await stream.read()
                return (await end_of(stream, 2 * SECONDS))[0]
    return None


async def test_stream_ends_at_the_maximum_age(stack: Stack, tmp_path: Path) -> None:
    scene = SdsScene(tmp_path, stack)
    scene.trusted.configuration["maximum_connection_age"] = 2
    async with scene.served(), scene.connected() as node, node.delta("no-name") as stream:
        with contextlib.suppress(AssertionError):  # on a busy machine, the stream can end before its first response
            await stream.read()
        assert (await end_of(stream))[0] is grpc.StatusCode.UNAVAILABLE


async def test_ledger_names_the_nodes_with_an_old_version(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    metrics = free_address()
    scene = SdsScene(tmp_path, stack, aliases={"www": name})
    scene.trusted.configuration["telemetry"] = {"prometheus_listen": metrics}
    await scene.renew("edge-a")
    async with (
        scene.served() as server,
        scene.connected() as node,
        scene.trusted.caller(server.address, OPERATOR) as operator,
    ):

        async def listed(**fields: Any) -> list[audit.SecretDelivery]:
            request = audit.ListSecretDeliveriesRequest(parent="auditLogs/nhn-certs", **fields)
            return list((await operator.audit.ListSecretDeliveries(request)).deliveries)

        async with node.delta("www", node="old") as old, node.delta(name, node="new") as new:
            await old.accepted()
            await new.accepted()
            await scene.renew("edge-a")
            await old.reject(await old.read(), "no")
            await new.accepted()

            async def only_one_is_outdated() -> bool:
                return [each.node for each in await listed(outdated_only=True)] == ["old"]

            await eventually(only_one_is_outdated)
            (outdated,) = await listed(outdated_only=True, secret=name)
            assert outdated.requested_name == "www"
            assert outdated.state == audit.SECRET_DELIVERY_STATE_REJECTED
            assert outdated.rejected_version == outdated.sent_version != outdated.accepted_version
            assert outdated.connected
            assert (outdated.caller, outdated.secret) == (EDGE, name)
            assert outdated.address.rpartition(":")[0] in ("127.0.0.1", "[::1]")
            page = await operator.audit.ListSecretDeliveries(
                audit.ListSecretDeliveriesRequest(parent="auditLogs/-", page_size=1)
            )
            assert [each.node for each in page.deliveries] == ["new"]
            rest = await operator.audit.ListSecretDeliveries(
                audit.ListSecretDeliveriesRequest(parent="auditLogs/-", page_size=1, page_token=page.next_page_token)
            )
            assert [each.node for each in rest.deliveries] == ["old"]
            assert not rest.next_page_token
            text = await scrape(metrics)
            assert value(text, "keyway_sds_streams") == 2
            assert value(text, "keyway_sds_secrets", 'keyway_sds_state="rejected"') == 1
            assert value(text, "keyway_sds_answers_total", 'keyway_sds_result="accepted"') == 3

        async def both_are_disconnected() -> bool:
            return [each.connected for each in await listed()] == [False, False]

        await eventually(both_are_disconnected)


async def test_private_key_is_in_no_record_log_span_or_ledger(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    leaf = await scene.renew("edge-a")
    (tmp_path / "telemetry").mkdir()
    async with Collector(tmp_path / "telemetry") as collector:
        telemetry = {"endpoint": collector.endpoint, "traces": {"sample_ratio": 1}, "metrics": {}}
        scene.trusted.configuration["telemetry"] = telemetry
        async with scene.served() as server, scene.connected() as node, node.delta(name) as stream:
            response = await stream.read()
            assert secrets_in(each.resource for each in response.resources)[name].tls_certificate.HasField(
                "private_key"
            )
            # A node can quote what it received.
            await stream.reject(response, leaf.key_pem.decode())
            await eventually(lambda: rejected(scene))
            ledger = repr(server.deliveries.entries).encode()

        async def delivery_is_traced() -> bool:
            return "keyway.v1.CertificateService/DownloadCertificate" in {each.name for each in await collector.spans()}

        await eventually(delivery_is_traced)
        exported = [collector.output(kind).read_bytes() for kind in ("traces", "metrics")]
    body = b"".join(leaf.key_pem.splitlines()[1:-1]).decode()
    secrets = {Secret("key", leaf.key_pem.decode()), Secret("body", body)}
    places = [ledger, capsys.readouterr().out.encode(), *exported]
    places += [path.read_bytes() for path in scene.trusted.audit.rglob("*") if path.is_file()]
    assert [leaks(secrets, place) for place in places] == [[]] * len(places)


async def rejected(scene: SdsScene) -> bool:
    return bool(scene.events("RejectSecret"))


async def test_program_at_the_unix_socket_is_the_configured_caller(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    path = tmp_path / "sockets" / "sds"
    scene = SdsScene(tmp_path, stack, unix_socket=str(path), unix_caller=EDGE)
    leaf = await scene.renew("edge-a")
    async with scene.served():
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel, SdsClient(channel).delta(name) as stream:
            found = await stream.accepted()
    assert found[name].tls_certificate.private_key.inline_bytes == leaf.key_pem
    (event,) = scene.events("DownloadCertificate")
    assert event["actor"]["user"]["uid"] == EDGE


async def test_folder_of_the_unix_socket_must_keep_others_out(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    scene = SdsScene(tmp_path, stack, unix_socket=str(tmp_path / "open" / "sds"), unix_caller=EDGE)
    with pytest.raises(ConfigError, match="must be a folder of this user with mode 0700"):
        async with scene.served():
            pass


async def test_every_worker_knows_the_deliveries_of_all_workers(stack: Stack, tmp_path: Path) -> None:
    name = certificate_name("edge-a")
    scene = SdsScene(tmp_path, stack)
    scene.trusted.configuration["workers"] = 2
    await scene.renew("edge-a")
    nodes = [f"edge-{number:02}" for number in range(16)]
    async with Process(tmp_path, "serve", "--config", scene.trusted.write()) as process:
        address = await process.address()
        async with contextlib.AsyncExitStack() as opened:
            for each in nodes:
                connection = await opened.enter_async_context(scene.connected())
                stream = await opened.enter_async_context(connection.delta(name, node=each))
                await stream.accepted()

            async def all_answers_are_complete() -> bool:
                answers = [await connected_nodes(scene, address) for _ in range(6)]
                return answers == [nodes] * 6

            await eventually(all_answers_are_complete, SECONDS)
            killed = sorted(worker_pids(process.pid))[0]
            kill(killed)

            async def only_the_others_are_connected() -> bool:
                answers = [await connected_nodes(scene, address) for _ in range(6)]
                return answers == [answers[0]] * 6 and len(answers[0]) < len(nodes)

            await eventually(only_the_others_are_connected, 2 * SECONDS)


async def connected_nodes(scene: SdsScene, address: str) -> list[str]:
    """Return the nodes that one worker lists."""
    async with scene.trusted.caller(address, OPERATOR, own_connection=True) as operator:
        request = audit.ListSecretDeliveriesRequest(parent="auditLogs/-")
        listed = (await operator.audit.ListSecretDeliveries(request, wait_for_ready=True)).deliveries
        return [each.node for each in listed if each.connected]
