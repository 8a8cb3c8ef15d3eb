"""The sandbox of keyway.testing: fixtures, shutdown and start errors."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import keyway
from keyway.testing import COMMAND_VARIABLE, Sandbox, SandboxError, start_sandbox
from keyway.v1 import provider_service_pb2 as providers
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("sandbox")

ASTERIA = providers.CheckProviderRequest(name="providers/asteria")


def test_fault_is_armed_and_reset(keyway_client: keyway.Client, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail("asteria", mode="error", code="5102", count=50)
    state = keyway_client.providers.CheckProvider(ASTERIA).provider.state
    keyway_sandbox.reset()
    assert keyway_client.providers.CheckProvider(ASTERIA).provider.state != state
    with pytest.raises(SandboxError, match="unknown field"):
        keyway_sandbox.fail("asteria", nonsense=True)


def test_token_is_not_printed(keyway_sandbox: Sandbox) -> None:
    assert keyway_sandbox.token not in repr(keyway_sandbox)


def test_failed_start_raises_the_output_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, f"{sys.executable} -c 'import sys; sys.exit(\"no gateway here\")'")
    with pytest.raises(SandboxError, match="no gateway here"), start_sandbox():
        pass


def test_missing_gateway_raises_installation_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, f"{sys.executable} -c 'import sys; sys.exit(\"No module named gateway\")'")
    with pytest.raises(SandboxError, match=r"pip install \./clients/python \."), start_sandbox():
        pass


async def test_sandbox_ends_with_its_parent_and_removes_its_files() -> None:
    program = (
        "import os, sys\n"
        "from keyway.testing import start_sandbox\n"
        "with start_sandbox() as box:\n"
        "    print(box.ca, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    ca = Path((await parent.stdout.readline()).decode().strip())
    assert not await gone(ca)
    parent.kill()
    await parent.wait()
    await eventually(lambda: gone(ca.parent))


async def gone(path: Any) -> Any:
    return not await asyncio.to_thread(path.exists)


def test_credentials_of_the_sandbox_work(keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    with keyway.connect(box.mtls, ca=box.ca, certificate=box.certificate, private_key=box.private_key) as client:
        assert client.providers.ListProviders(providers.ListProvidersRequest()).providers
    assert Path(box.private_key).stat().st_mode & 0o077 == 0
