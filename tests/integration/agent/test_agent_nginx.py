"""The renewal agent with a real nginx: renewals under load."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.agent import HOST, AgentFolder, RenewedCertificate, RunningAgent
from tests.support.stack import Stack
from tests.support.tls_servers import HandshakeWatcher, Nginx, PairReader

RENEWALS = int(os.environ.get("KEYWAY_AGENT_RENEWALS", "10"))
"""How many renewals. docs/testing.md names the variable."""


@pytest.mark.timeout(900)
async def test_renewals_reach_nginx_without_a_failed_handshake(stack: Stack, tmp_path: Path) -> None:
    renewed = RenewedCertificate(stack)
    first = await renewed.renew()
    files = AgentFolder(tmp_path, stack.gateway.address, renewed.resource)
    nginx = Nginx(tmp_path, files.current)
    # The first installation has no server yet.
    async with RunningAgent(files) as agent:
        await agent.until_installed(first)
        assert await agent.stop() == 0
    files.certificate |= {
        "check": {"command": nginx.command("-t")},
        "reload": {"command": nginx.command("-s", "reload")},
        "verify": {"address": f"127.0.0.1:{nginx.port}", "server_name": HOST},
    }
    async with (
        nginx.running(),
        RunningAgent(files) as agent,
        HandshakeWatcher(nginx.port).running() as handshakes,
        PairReader(files.current).running() as reader,
    ):
        for _ in range(RENEWALS):
            issued = await renewed.renew()
            await agent.until_installed(issued)
            await handshakes.until_seen(issued.certificate.fingerprint(SHA256()).hex())
    assert (handshakes.failures, reader.mixed) == ([], [])
    expected = [each.certificate.fingerprint(SHA256()).hex() for each in renewed.issued]
    assert list(dict.fromkeys(handshakes.seen)) == expected
    assert reader.reads > RENEWALS
    assert handshakes.connections > RENEWALS
