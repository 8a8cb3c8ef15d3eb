"""The renewal agent as a service: restarts, schedule, commands, metrics, and secrecy."""

import asyncio
import json
import stat
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from keyway.agent.control import ControlError
from tests.support.agent import DAYS, AgentFolder, RenewedCertificate, RunningAgent
from tests.support.ports import free_port
from tests.support.stack import Stack
from tests.support.waiting import eventually


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


async def test_commands_show_the_status_and_rotate(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    code, text = await files.command("status")
    assert code == 0
    assert "www" in text
    assert "installed" in text
    code, text = await files.command("rotate", "www")
    assert (code, text.strip()) == (0, f"www is up to date: version {(await agent.status())['version'][:12]}")
    before = files.current.readlink()
    code, text = await files.command("rotate", "www", "--force")
    assert code == 0
    assert "installed version" in text
    assert files.current.readlink() != before
    await renewed.renew("mail.example.com", **DAYS)
    message = await agent.until_failed("certificate")
    code, text = await files.command("status")
    assert code == 1
    assert f"www: certificate: {message} (since " in " ".join(text.split())
    assert await agent.stop() == 0
    code, text = await files.command("status")
    assert code == 2
    assert "start it with keyway agent run" in " ".join(text.split())


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
        await renewed.renew("mail.example.com", **DAYS)
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


async def test_damaged_state_file_does_not_stop_the_agent(
    agent: RunningAgent, files: AgentFolder, renewed: RenewedCertificate
) -> None:
    before = files.current.readlink()
    assert stat.S_IMODE((files.state_directory / "control.sock").stat().st_mode) == 0o600
    assert await agent.stop() == 0
    (files.state_directory / "state.json").write_text("{")
    async with RunningAgent(files) as again:
        await again.until(lambda found: bool(found["checked"]) and found["state"] == "installed")
    assert files.current.readlink() == before
    assert (files.state_directory / "state.damaged").read_text() == "{"
