"""The listener of the API: several workers, changed TLS files, and the end of the gateway."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway import app
from gateway.server.transport.listener import ListenError
from tests.support.authority import CertificateAuthority
from tests.support.processes import Process
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import ORDERS
from tests.support.vault_api import KEYS, VaultScene
from tests.support.waiting import eventually

ENCRYPT = f"{KEYS}/encrypt/orders-key"
TEXT = {"plaintext": "aGVsbG8="}


async def presented(scene: VaultScene) -> bytes:
    """Return the certificate that the listener presents to a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, _, port = scene.address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=host)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return certificate


async def test_several_workers_share_the_port(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack)
    scene.trusted.configuration["workers"] = 2
    async with Process(tmp_path, "serve", "--config", scene.trusted.write()) as process:
        await process.address()
        for _ in range(12):
            async with scene.client() as shop:
                assert (await shop.put(ENCRYPT, TEXT)).status == 200
        scene.trusted.configuration |= {"audit": {"directory": "other"}, "workers": 1}
        with pytest.raises(ListenError):
            async with app.gateway(scene.trusted.settings()):
                pass


async def test_port_in_use_stops_the_start(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack)
    other = dict(scene.trusted.configuration)
    async with scene.served():
        scene.trusted.configuration = {**other, "audit": {"directory": "other"}}
        with pytest.raises(ListenError, match=f"cannot listen on {scene.address}"):
            async with app.gateway(scene.trusted.settings()):
                pass


async def test_changed_certificate_is_presented_to_new_connections(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = VaultScene(tmp_path, stack)
    async with scene.served():
        before = await presented(scene)
        scene.trusted.authority.server().write(tmp_path, "server")

        async def is_changed() -> bool:
            return await presented(scene) != before

        await eventually(is_changed)
        after = await presented(scene)
        (tmp_path / "server.key").write_text("not a key")

        async def is_rejected() -> bool:
            assert await presented(scene) == after
            return "tls_files_rejected" in "".join(capsys.readouterr())

        await eventually(is_rejected)


async def test_removed_authority_is_rejected_on_new_connections(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack, mtls=True)

    async def is_accepted() -> bool:
        try:
            async with scene.client(None, certificate=ORDERS) as orders:
                return (await orders.put(ENCRYPT, TEXT)).status == 200
        except aiohttp.ClientError:
            return False

    async with scene.served():
        assert await is_accepted()
        (tmp_path / "callers-ca.pem").write_bytes(CertificateAuthority("Another CA").pem)

        async def is_rejected() -> bool:
            return not await is_accepted()

        await eventually(is_rejected)


@contextlib.asynccontextmanager
async def ending(scene: VaultScene) -> AsyncIterator[asyncio.Event]:
    """Run a gateway in a task. The gateway ends when the event is set."""
    started, end = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with scene.served():
            started.set()
            await end.wait()

    task = asyncio.create_task(run())
    await started.wait()
    try:
        yield end
    finally:
        end.set()
        await task


async def test_request_in_progress_finishes_when_the_gateway_ends(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack)
    control = stack.controls[KEY_MANAGER]
    async with ending(scene) as end, scene.client() as shop:
        assert (await shop.put(ENCRYPT, TEXT)).status == 200
        await control.forget_requests()
        await control.fail(mode=None, delay=1.5)
        request = asyncio.create_task(shop.put(ENCRYPT, TEXT))

        async def has_arrived() -> bool:
            return bool(await control.requests())

        await eventually(has_arrived)
        end.set()
        assert (await request).status == 200
        with pytest.raises(aiohttp.ClientError):
            async with scene.client() as late:
                await late.put(ENCRYPT, TEXT)
