"""The agent and the iterators of the Python client with the WatchCertificates stream of a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from keyway import aio
from tests.support.agent import AgentFolder, RenewedCertificate, RunningAgent
from tests.support.ports import free_port
from tests.support.scripted_watch import text
from tests.support.stack import Gateway, Stack
from tests.support.watching import POLLER

SECONDS = 60


@pytest.fixture
def settings(stack: Stack) -> Any:
    """A gateway on a fixed port, which polls every second while certificates are watched."""
    provider = stack.provider("nhn-certs", poller=POLLER)
    return stack.settings(provider, listen=f"127.0.0.1:{free_port()}")


@pytest.fixture
async def gateway(settings: Any) -> AsyncIterator[Gateway]:
    async with Gateway(settings) as served:
        yield served


async def test_announced_version_is_installed_before_the_next_poll(
    stack: Stack, gateway: Gateway, tmp_path: Path
) -> None:
    renewed = RenewedCertificate(stack)
    first = await renewed.renew()
    files = AgentFolder(tmp_path, gateway.address, renewed.resource)
    files.settings["poll_interval"] = "1h"
    async with RunningAgent(files) as agent:
        await agent.until_installed(first)
        await agent.until_watching()
        for _ in range(3):
            await agent.until_installed(await renewed.renew())


async def test_iteration_continues_after_a_restart_of_the_gateway(stack: Stack, settings: Any) -> None:
    renewed = RenewedCertificate(stack)
    await renewed.renew()
    versions: list[str] = []

    async def until(kind: str, watch: Any) -> str:
        """Return the fingerprint in the next event of a kind."""
        async with asyncio.timeout(SECONDS):
            async for event in watch:
                if event.version:
                    versions.append(event.version)
                if text(event).startswith(kind):
                    fingerprint: str = event.certificate.fingerprints.sha256.replace(":", "")
                    return fingerprint
        raise AssertionError(kind)

    async with aio.connect(settings.listen, plaintext=True) as client:
        watch = client.watch_certificates("providers/nhn-certs", names=[renewed.resource])
        async with watch:
            async with Gateway(settings):
                await until("SYNCED", watch)
                second = await renewed.renew()
                assert await until("RENEWED", watch) == second.certificate.fingerprint(SHA256()).hex()
            third = await renewed.renew()
            async with Gateway(settings):
                # The new gateway does not know the token, so it sends CURRENT, which is RENEWED for this reader.
                assert await until("RENEWED", watch) == third.certificate.fingerprint(SHA256()).hex()
                await until("SYNCED", watch)
                fourth = await renewed.renew()
                assert await until("RENEWED", watch) == fourth.certificate.fingerprint(SHA256()).hex()
    assert len(versions) == len(set(versions)) == 4
