"""What the renewal agent does when something fails: the old certificate stays in service, and the status says why."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from keyway.agent.control import ControlError
from tests.support.agent import HOST, AgentFolder, RenewedCertificate, RunningAgent
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.disks import fill, in_memory
from tests.support.ports import free_port
from tests.support.stack import Gateway, Stack
from tests.support.tls_servers import Nginx, pair_matches, served_certificate
from tests.support.waiting import eventually
from tests.support.x509_chain import elliptic_key

DAYS: dict[str, Any] = {"expires_in": timedelta(days=90)}


@pytest.fixture
async def renewed(stack: Stack) -> RenewedCertificate:
    made = RenewedCertificate(stack)
    await made.renew(**DAYS)
    return made


@pytest.fixture
def files(stack: Stack, tmp_path: Path, renewed: RenewedCertificate) -> AgentFolder:
    return AgentFolder(tmp_path, stack.gateway.address, renewed.resource)


@pytest.fixture
async def agent(files: AgentFolder, renewed: RenewedCertificate) -> AsyncIterator[RunningAgent]:
    """An agent that has installed the first certificate. The check fails if the file `broken` exists."""
    files.certificate["check"] = {"command": ["test", "!", "-e", str(files.folder / "broken")]}
    async with RunningAgent(files) as running:
        await running.until_installed(renewed.issued[0])
        yield running


def installed(files: AgentFolder, issued: CertificateAndKey) -> bool:
    """Return whether the current files are this pair."""
    return files.file().startswith(issued.chain_pem) and pair_matches(files.file(), files.file("private.key"))


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
    assert installed(files, renewed.issued[0])
    assert any(message in line for line in agent.log)
    assert json.loads((files.folder / "health.json").read_text())["certificates"] == {"www": "failed"}
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
    assert installed(files, renewed.issued[0])


async def test_failing_check_restores_the_files_and_is_repeated(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    (files.folder / "broken").touch()
    issued = await renewed.renew(**DAYS)
    assert await agent.until_failed("check") == "test failed with exit code 1: no output"
    assert installed(files, renewed.issued[0])
    (files.folder / "broken").unlink()
    await agent.until_installed(issued)
    assert installed(files, issued)


async def test_failing_reload_rolls_back_and_reports(
    stack: Stack, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    nginx = Nginx(files.folder, files.current)
    async with RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
    files.certificate |= {
        "reload": {"command": ["sh", "-c", "echo reload is broken; exit 3"]},
        "verify": {"address": f"127.0.0.1:{nginx.port}", "timeout": 2},
    }
    async with nginx.running(), RunningAgent(files) as agent:
        await renewed.renew(**DAYS)
        message = await agent.until_failed("rollback")
        assert message.startswith("sh failed with exit code 3: reload is broken; then the server could not return")
        assert installed(files, renewed.issued[0])
        assert await served_certificate(nginx.port) == (await agent.status())["fingerprint"]


async def test_server_that_does_not_serve_the_new_certificate_is_rolled_back(
    files: AgentFolder, renewed: RenewedCertificate
) -> None:
    nginx = Nginx(files.folder, files.current)
    async with RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
    # The reload succeeds and does nothing.
    files.certificate |= {
        "reload": {"command": ["true"]},
        "verify": {"address": f"127.0.0.1:{nginx.port}", "timeout": 2},
    }
    async with nginx.running(), RunningAgent(files) as agent:
        await renewed.renew(**DAYS)
        message = await agent.until_failed("verify")
        assert message.startswith(f"127.0.0.1:{nginx.port} serves another certificate (SHA-256 ")
        assert installed(files, renewed.issued[0])
        assert await served_certificate(nginx.port) == (await agent.status())["fingerprint"]


async def test_files_stay_while_the_gateway_is_away_and_the_agent_restarts(
    stack: Stack, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    port = free_port()
    files.settings["gateway"]["address"] = f"127.0.0.1:{port}"
    settings = stack.settings(listen=f"127.0.0.1:{port}")
    async with Gateway(settings), RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
        before = files.current.readlink()
    async with RunningAgent(files) as agent:
        assert "UNAVAILABLE" in await agent.until_failed("gateway")
        status = await agent.ask(command="status")
        assert (status["healthy"], status["certificates"][0]["state"]) == (True, "installed")
        issued = await renewed.renew(**DAYS)
        async with Gateway(settings):
            await agent.until_installed(issued)
    assert files.current.readlink() != before


async def test_full_disk_keeps_the_old_files(stack: Stack, tmp_path: Path, renewed: RenewedCertificate) -> None:
    with in_memory(tmp_path / "disk", 256 * 1024) as disk:
        files = AgentFolder(disk, stack.gateway.address, renewed.resource)
        async with RunningAgent(files) as agent:
            await agent.until_installed(renewed.issued[0])
            filler = fill(disk)
            issued = await renewed.renew(**DAYS)
            assert "No space left on device" in await agent.until_failed("write")
            assert installed(files, renewed.issued[0])
            assert any("No space left on device" in line for line in agent.log)
            filler.unlink()
            await agent.until_installed(issued)
        assert installed(files, issued)


async def test_mode_is_set_again(agent: RunningAgent, files: AgentFolder) -> None:
    key = files.current / "private.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)

    async def repaired() -> bool:
        return stat.S_IMODE(key.stat().st_mode) == 0o600

    await eventually(repaired)


async def test_unchanged_certificate_is_not_written_after_a_restart(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    before = files.current.readlink()
    assert await agent.stop() == 0
    async with RunningAgent(files) as again:
        await again.until(lambda found: bool(found["checked"]) and found["state"] == "installed")
        assert "is up to date" in (await again.ask(command="rotate", name="www"))["text"]
    assert files.current.readlink() == before


async def test_rotate_does_not_wait_for_the_jitter(files: AgentFolder, renewed: RenewedCertificate) -> None:
    files.settings["jitter"] = "2d"
    async with RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
        issued = await renewed.renew(**DAYS)
        waiting = await agent.until(lambda found: found["state"] == "waiting")
        assert waiting["found"]["due"] > datetime.now(UTC).isoformat()
        assert "installed version" in (await agent.ask(command="rotate", name="www"))["text"]
        await agent.until_installed(issued)
        with pytest.raises(ControlError, match="no certificate is named 'other'; the names are: www"):
            await agent.ask(command="rotate", name="other")


async def test_jitter_is_overridden_near_expiry(files: AgentFolder, stack: Stack) -> None:
    files.settings["jitter"] = "2d"
    renewed = RenewedCertificate(stack)
    soon = await renewed.renew(expires_in=timedelta(hours=5))
    async with RunningAgent(files) as agent:
        await agent.until_installed(soon)
        await agent.until_installed(await renewed.renew(**DAYS))


async def test_second_agent_is_rejected(agent: RunningAgent, files: AgentFolder) -> None:
    async with RunningAgent(files) as second:
        assert await asyncio.wait_for(second.process.wait(), 40) == 2

        async def explained() -> bool:
            return any("another agent uses the state directory" in line for line in second.log)

        await eventually(explained)


async def test_metrics_show_expiry_and_failures(files: AgentFolder, renewed: RenewedCertificate) -> None:
    port = free_port()
    files.settings["metrics_address"] = f"127.0.0.1:{port}"
    async with RunningAgent(files) as agent, aiohttp.ClientSession() as session:
        await agent.until_installed(renewed.issued[0])
        await wrong_host(renewed)
        await agent.until_failed("certificate")
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            text = await response.text()
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            assert response.status == 404
    expiry = renewed.issued[0].certificate.not_valid_after_utc.timestamp()
    assert f'keyway_agent_certificate_expiry_timestamp_seconds{{name="www"}} {expiry:.0f}' in text
    assert 'keyway_agent_failure{name="www",reason="certificate"} 1' in text
    assert 'keyway_agent_failure{name="www",reason="check"} 0' in text
    assert 'keyway_agent_installations_total{name="www",result="success"} 1' in text
    assert "keyway_agent_healthy 0" in text


async def test_commands_do_not_receive_the_token(files: AgentFolder, renewed: RenewedCertificate) -> None:
    seen = files.folder / "environment"
    files.certificate["reload"] = {"command": ["sh", "-c", f"env > {seen}"]}
    async with RunningAgent(files) as agent:
        await agent.until_installed(renewed.issued[0])
    assert "PATH=" in seen.read_text()
    assert "KEYWAY_TOKEN" not in seen.read_text()


async def test_first_certificate_is_activated_again_until_that_succeeds(
    files: AgentFolder, renewed: RenewedCertificate
) -> None:
    """There is no version to return to, so the files stay, and the check is repeated."""
    broken = files.folder / "broken"
    broken.touch()
    files.certificate["check"] = {"command": ["test", "!", "-e", str(broken)]}
    async with RunningAgent(files) as agent:
        await agent.until_failed("check")
        assert installed(files, renewed.issued[0])
        broken.unlink()
        await agent.until_installed(renewed.issued[0])
    assert len(os.listdir(files.directory / "versions")) <= 2


async def test_no_secret_is_outside_the_files(files: AgentFolder, renewed: RenewedCertificate) -> None:
    """The key and the passwords are in the versions only: not in the log, the state, the status, or the metrics."""
    password, manager = "marker-of-the-key-store", "marker-of-the-manager"
    (files.folder / "keystore.password").write_text(password)
    (files.folder / "manager.password").write_text(manager)
    files.certificate["outputs"].append(
        {"file": "keystore.p12", "format": "pkcs12", "password_file": "keystore.password"}
    )
    port = free_port()
    files.certificate["reload"] = {
        "http": f"http://127.0.0.1:{free_port()}/reload?token=marker-of-the-url",
        "username": "agent",
        "password_file": "manager.password",
    }
    files.settings["metrics_address"] = f"127.0.0.1:{port}"
    async with RunningAgent(files) as agent, aiohttp.ClientSession() as session:
        assert "Connection refused" in await agent.until_failed("reload")
        status = await agent.ask(command="status")
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            metrics = await response.text()
    state = [path.read_bytes() for path in (*files.state_directory.iterdir(), files.folder / "health.json")
             if path.is_file()]  # fmt: skip
    manifest = (files.current / ".keyway-agent.json").read_bytes()
    seen = b"\n".join([*state, manifest, json.dumps(status).encode(), metrics.encode(), "\n".join(agent.log).encode()])
    key = files.file("private.key").splitlines()[1]
    for secret in (key, b"PRIVATE KEY", b"marker-of"):
        assert secret not in seen
