"""The renewal agent, killed at random moments of an installation."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.support.agent import AgentFolder, RenewedCertificate, RunningAgent, installed_without_server
from tests.support.stack import Stack
from tests.support.tls_servers import HandshakeWatcher, Nginx, PairReader, served_certificate

KILLS = int(os.environ.get("KEYWAY_AGENT_KILLS", "6"))
"""How many kills. docs/testing.md names the variable."""
LONGEST_SECONDS = 2.0


@pytest.mark.timeout(900)
async def test_killed_agent_never_leaves_a_server_without_a_valid_pair(stack: Stack, tmp_path: Path) -> None:
    renewed = RenewedCertificate(stack)
    await renewed.renew()
    files = AgentFolder(tmp_path, stack.gateway.address, renewed.resource)
    nginx = Nginx(tmp_path, files.current)
    await installed_without_server(files, renewed.issued[0])
    files.certificate |= nginx.actions()
    async with (
        nginx.running(),
        HandshakeWatcher(nginx.port).running() as handshakes,
        PairReader(files.current).running() as reader,
    ):
        for number in range(KILLS):
            async with RunningAgent(files) as agent:
                await renewed.renew()
                if number % 2:
                    await agent.until(lambda _: True)  # it has started
                # The moment is the point of this wait: it is before, during, or after the installation.
                await asyncio.sleep(random.uniform(0, LONGEST_SECONDS))
        async with RunningAgent(files) as agent:
            status = await agent.until_installed(renewed.issued[-1])
            assert await served_certificate(nginx.port) == status["fingerprint"]
            assert len(os.listdir(files.directory / "versions")) <= 2
    assert (handshakes.failures, reader.mixed) == ([], [])
