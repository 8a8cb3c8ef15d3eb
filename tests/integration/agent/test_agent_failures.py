"""What the renewal agent does when something fails: the old certificate stays in service, and the status says why."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import (
    DAYS,
    HOST,
    AgentFolder,
    RenewedCertificate,
    RunningAgent,
    installed_without_server,
)
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.disks import fill, in_memory
from tests.support.ports import free_port
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.tls_servers import Nginx, served_certificate
from tests.support.waiting import eventually
from tests.support.x509_chain import elliptic_key

OUTAGE_SECONDS = float(os.environ.get("KEYWAY_AGENT_OUTAGE_SECONDS", "0"))
"""How much longer the gateway is away. docs/testing.md names the variable."""


async def wrong_host(renewed: RenewedCertificate) -> str:
    await renewed.renew("mail.example.com", **DAYS)
    return f"the certificate is not valid for {HOST}; it is valid for mail.example.com"


async def expired(renewed: RenewedCertificate) -> str:
    issued = await renewed.renew(expires_in=timedelta(seconds=-1))
    return f"expired at {issued.certificate.not_valid_after_utc.isoformat()}"


async def not_yet_valid(renewed: RenewedCertificate) -> str:
    await renewed.renew(**DAYS, not_before=datetime.now(UTC) + timedelta(days=1))
    return "is not valid before"


async def broken_chain(renewed: RenewedCertificate) -> str:
    issued = renewed.authority.issue(hosts=[HOST], **DAYS)
    unrelated = CertificateAuthority("Unrelated CA")
    await renewed.store(issued.chain_pem + unrelated.pem + issued.key_pem)
    return "the chain is broken: certificate 2 (CN=Unrelated CA) did not issue certificate 1"


@pytest.mark.parametrize("make", [wrong_host, expired, not_yet_valid, broken_chain])
async def test_wrong_certificate_is_not_installed(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate, make: Any
) -> None:
    message = await make(renewed)
    assert message in await agent.until_failed("certificate")
    assert files.has(renewed.issued[0])
    assert any(message in line for line in agent.log)

    async def is_unhealthy() -> bool:
        health = json.loads((files.folder / "health.json").read_text())
        return (health["healthy"], health["certificates"]) == (False, {"www": "failed"})

    await eventually(is_unhealthy)
    issued = await renewed.renew(**DAYS)
    await agent.until_installed(issued)


async def test_key_of_another_certificate_is_not_installed(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    issued = renewed.authority.issue(hosts=[HOST], **DAYS)
    other = CertificateAndKey(issued.certificate, elliptic_key(7))
    await renewed.store(issued.chain_pem + renewed.authority.pem + other.key_pem)
    # The gateway rejects such a file itself.
    assert "MALFORMED_PROVIDER_RESPONSE" in await agent.until_failed("gateway")
    assert files.has(renewed.issued[0])


async def test_failing_check_restores_the_files_and_is_repeated(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    (files.folder / "broken").touch()
    issued = await renewed.renew(**DAYS)
    assert await agent.until_failed("check") == "test failed with exit code 1: no output"
    assert files.has(renewed.issued[0])
    (files.folder / "broken").unlink()
    await agent.until_installed(issued)
    assert files.has(issued)


async def test_failing_reload_rolls_back_and_reports(
    stack: Stack, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    nginx = Nginx(files.folder, files.current)
    await installed_without_server(files, renewed.issued[0])
    files.certificate |= {
        "reload": {"command": ["sh", "-c", "echo reload is broken; exit 3"]},
        "verify": {"address": f"127.0.0.1:{nginx.port}", "timeout": 2},
    }
    async with nginx.running(), RunningAgent(files) as agent:
        await renewed.renew(**DAYS)
        message = await agent.until_failed("rollback")
        assert message.startswith("sh failed with exit code 3: reload is broken; then the server could not return")
        assert files.has(renewed.issued[0])
        assert await served_certificate(nginx.port) == (await agent.status())["fingerprint"]


async def test_server_that_does_not_serve_the_new_certificate_is_rolled_back(
    files: AgentFolder, renewed: RenewedCertificate
) -> None:
    nginx = Nginx(files.folder, files.current)
    await installed_without_server(files, renewed.issued[0])
    # The reload succeeds and does nothing.
    files.certificate |= {
        "reload": {"command": ["true"]},
        "verify": {"address": f"127.0.0.1:{nginx.port}", "timeout": 2},
    }
    async with nginx.running(), RunningAgent(files) as agent:
        await renewed.renew(**DAYS)
        message = await agent.until_failed("verify")
        assert message.startswith(f"127.0.0.1:{nginx.port} serves another certificate (SHA-256 ")
        assert files.has(renewed.issued[0])
        assert await served_certificate(nginx.port) == (await agent.status())["fingerprint"]


@pytest.mark.timeout(900)
async def test_files_stay_while_the_gateway_is_away_and_the_agent_restarts(
    stack: Stack, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    port = free_port()
    files.settings["gateway"]["address"] = f"127.0.0.1:{port}"
    settings = stack.settings(listen=f"127.0.0.1:{port}")
    async with Gateway(settings), RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
        before = files.current.readlink()
    began = set()
    for _ in range(2):  # the second agent knows from the state file that the gateway is away, and reports it too
        async with RunningAgent(files) as agent:
            assert "UNAVAILABLE" in await agent.until_failed("gateway")
            began.add((await agent.status())["problems"][0]["since"])
            assert await agent.stop() == 0
    assert len(began) == 1
    async with RunningAgent(files) as agent:
        await agent.until_failed("gateway")
        await asyncio.sleep(OUTAGE_SECONDS)
        status = await agent.ask(command="status")
        assert (status["healthy"], status["certificates"][0]["state"]) == (True, "installed")
        issued = await renewed.renew(**DAYS)
        async with Gateway(settings):
            await agent.until_installed(issued)
    assert files.current.readlink() != before


async def test_files_stay_while_the_provider_fails(
    stack: Stack, agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    before = files.current.readlink()
    control = stack.controls[CERTIFICATE_MANAGER]
    await control.fail(mode="raw", status=503, count=1_000_000)
    assert "UNAVAILABLE" in await agent.until_failed("gateway")
    status = await agent.ask(command="status")
    assert (status["healthy"], status["certificates"][0]["state"]) == (True, "installed")
    assert files.current.readlink() == before
    await control.call("DELETE", "/faults")
    await agent.until_installed(await renewed.renew(**DAYS))


async def test_password_file_that_is_not_utf8_is_named(files: AgentFolder) -> None:
    (files.folder / "file.password").write_bytes(b"marker\xe9\n")
    files.certificate["password_file"] = "file.password"
    async with RunningAgent(files) as agent:
        assert await agent.until_failed("gateway") == f"{files.folder}/file.password: the password is not UTF-8"


async def test_agent_waits_for_its_token(files: AgentFolder) -> None:
    """Neither the polls nor the stream of changes ends the agent, for example while the token is being renewed."""
    files.settings["gateway"]["token_file"] = "missing.token"
    async with RunningAgent(files) as agent:
        assert await agent.until_failed("gateway") == f"{files.folder}/missing.token: No such file or directory"
        await agent.until(lambda found: found["problems"][0]["attempts"] > 1)
        expected = f"so the agent polls: [Errno 2] No such file or directory: '{files.folder}/missing.token'"
        assert any(line.endswith(expected) for line in agent.log)
        assert agent.process.returncode is None


async def test_full_disk_keeps_the_old_files(stack: Stack, tmp_path: Path, renewed: RenewedCertificate) -> None:
    with in_memory(tmp_path / "disk", 256 * 1024) as disk:
        files = AgentFolder(disk, stack.gateway.address, renewed.resource)
        async with RunningAgent(files) as agent:
            await agent.until_installed(renewed.issued[0])
            filler = fill(disk)
            issued = await renewed.renew(**DAYS)
            assert "No space left on device" in await agent.until_failed("write")
            assert files.has(renewed.issued[0])
            assert any("No space left on device" in line for line in agent.log)
            filler.unlink()
            await agent.until_installed(issued)
        assert files.has(issued)


async def test_first_certificate_is_activated_again_until_that_succeeds(
    files: AgentFolder, renewed: RenewedCertificate
) -> None:
    """There is no version to return to, so the files stay, and the check is repeated."""
    broken = files.folder / "broken"
    broken.touch()
    files.certificate["check"] = {"command": ["test", "!", "-e", str(broken)]}
    async with RunningAgent(files) as agent:
        await agent.until_failed("check")
        assert files.has(renewed.issued[0])
        broken.unlink()
        await agent.until_installed(renewed.issued[0])
    assert len(os.listdir(files.directory / "versions")) <= 2
