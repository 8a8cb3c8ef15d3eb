"""The renewal agent with a real Tomcat and its example in `deploy/agent`."""

import os
from pathlib import Path

import pytest

from tests.support.agent import AgentFolder, RenewedCertificate, RunningAgent, installed_without_server
from tests.support.certificate_manager import register
from tests.support.stack import CERTIFICATE_MANAGER, Stack
from tests.support.tls_servers import HandshakeWatcher
from tests.support.tomcat import MANAGER_PASSWORD, PASSWORD, Tomcat

RENEWALS = 3


@pytest.mark.timeout(900)
async def test_renewals_are_served_by_tomcat(stack: Stack, tmp_path: Path) -> None:
    renewed = RenewedCertificate(stack)
    first = await renewed.renew()
    await register(stack.controls[CERTIFICATE_MANAGER], "internal-ca", renewed.authority.pem)
    files = AgentFolder(tmp_path, stack.gateway.address, renewed.resource)
    files.take_example("tomcat")
    for output in files.certificate["outputs"]:
        output["group"] = str(os.getgid())
    (tmp_path / "keystore.password").write_text(PASSWORD)
    (tmp_path / "manager.password").write_text(MANAGER_PASSWORD)
    server = Tomcat(tmp_path, files.current)
    await installed_without_server(files, first)
    files.certificate |= server.actions()
    async with (
        server.running(),
        RunningAgent(files) as agent,
        HandshakeWatcher(server.port).running() as handshakes,
    ):
        for _ in range(RENEWALS):
            status = await agent.until_installed(await renewed.renew())
            await handshakes.until_seen(status["fingerprint"])
    assert handshakes.failures == []
