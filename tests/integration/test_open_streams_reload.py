"""Open streams of watchers and nodes while TLS files, policies, and providers change."""

import asyncio
import contextlib
import signal
from pathlib import Path

import grpc

from tests.support.authority import CertificateAndKey
from tests.support.certificate_manager import certificate
from tests.support.certificates import Pki
from tests.support.envoy_sds import SECONDS, SdsScene, certificate_name
from tests.support.identity_server import server_serial
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR
from tests.support.waiting import eventually
from tests.support.watching import NAME, Renewals, kind_of, watching
from tests.support.wire import failure_of

SECRET = certificate_name("edge-a")


def renewals_of(stack: Stack, folder: Path) -> Renewals:
    (folder / "pki").mkdir()
    return Renewals(stack, Pki(folder / "pki"))


async def shown(scene: SdsScene, address: str, served: CertificateAndKey, client: CertificateAndKey) -> None:
    """Return when new connections receive this certificate."""

    async def is_shown() -> bool:
        with contextlib.suppress(OSError):  # a single handshake may fail while the files change
            return await server_serial(address, scene.trusted.folder, client) == served.certificate.serial_number
        return False

    await eventually(is_shown, SECONDS)


async def test_open_streams_continue_while_the_certificate_of_the_gateway_changes(stack: Stack, tmp_path: Path) -> None:
    scene, renewals = SdsScene(tmp_path, stack), renewals_of(stack, tmp_path)
    await scene.renew("edge-a")
    await renewals.renew()
    async with (
        scene.served() as server,
        scene.trusted.caller(server.address, AUDITOR) as caller,
        watching(caller.certificates, certificate(NAME)) as watcher,
        scene.connected() as node,
        node.delta(SECRET) as stream,
    ):
        await watcher.synced()
        await stream.accepted()
        new, client = scene.trusted.authority.server(), scene.trusted.authority.issue(uris=[AUDITOR])
        new.write(tmp_path, "server")
        for address in (server.address, scene.address):
            await shown(scene, address, new, client)
        version = await renewals.renew()
        assert (await watcher.until("RENEWED")).version == version
        leaf = await scene.renew("edge-a")
        found = await stream.accepted()
        assert found[SECRET].tls_certificate.private_key.inline_bytes == leaf.key_pem


async def test_reload_of_the_providers_ends_streams_and_they_resume_without_a_gap(stack: Stack, tmp_path: Path) -> None:
    scene, renewals = SdsScene(tmp_path, stack), renewals_of(stack, tmp_path)
    scene.trusted.configuration["workers"] = 2
    await scene.renew("edge-a")
    await renewals.renew()
    async with Process(tmp_path, "serve", "--config", scene.trusted.write()) as process:
        address = (await process.address()).replace("127.0.0.1", "localhost")
        async with (
            scene.trusted.caller(address, AUDITOR, own_connection=True) as caller,
            watching(caller.certificates, certificate(NAME)) as watcher,
            watching(caller.certificates, parent="providers/asteria") as other,
            scene.connected() as node,
            node.delta(SECRET) as stream,
        ):
            await watcher.synced()
            await other.synced()
            first = await stream.read()
            await stream.accept(first)
            scene.trusted.configuration["providers"].pop()
            scene.trusted.write()
            process.send(signal.SIGHUP)
            for each in (watcher, other):
                failure = await failure_of(each.until("REMOVED"))
                assert failure.kind == ("UNAVAILABLE", "SERVER_DRAINING")
            async with asyncio.timeout(SECONDS):
                assert await stream.call.code() is grpc.StatusCode.UNAVAILABLE
        await process.logged("reloaded")
        version, leaf = await renewals.renew(), await scene.renew("edge-a")
        async with (
            scene.trusted.caller(address, AUDITOR, own_connection=True) as caller,
            watching(caller.certificates, certificate(NAME), token=watcher.events[-1].resume_token) as watcher,
            watching(caller.certificates, parent="providers/asteria") as other,
            scene.connected() as node,
            node.delta(SECRET, held={SECRET: first.resources[0].version}) as stream,
        ):
            (event,) = await watcher.synced()
            assert (kind_of(event), event.version) == ("CURRENT", version)
            assert (await failure_of(other.next())).kind == ("NOT_FOUND", "PROVIDER_NOT_FOUND")
            found = await stream.accepted()
            assert found[SECRET].tls_certificate.private_key.inline_bytes == leaf.key_pem
