"""Fixtures of the tests of the agent: a certificate at the emulator, a configuration, and a running agent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agent import DAYS, AgentFolder, RenewedCertificate, RunningAgent
from tests.support.stack import Stack


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
