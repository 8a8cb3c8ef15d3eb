"""Errors that the agent does not expect stay with their certificate, and their text stays out of the status."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyway.agent.control import ask
from keyway.agent.material import Material
from keyway.agent.service import Agent
from keyway.agent.settings import ManagedCertificate
from keyway.agent.settings_file import load
from keyway.agent.status import StatusTree
from tests.support.authority import CertificateAuthority
from tests.support.waiting import eventually


class Source:
    """Delivers `good`, and fails for `unreadable` and `unusable`."""

    def __init__(self) -> None:
        authority = CertificateAuthority()
        issued = authority.issue("www", hosts=["www.example.com"])
        self._material = Material((issued.certificate, authority.certificate), (), issued.key)

    async def public(self, managed: ManagedCertificate) -> Material:
        if managed.name == "unreadable":
            raise RuntimeError("marker")
        return self._material

    async def complete(self, managed: ManagedCertificate) -> Material:
        if managed.name == "unusable":
            raise RuntimeError("marker")
        return self._material


@pytest.fixture
def config(tmp_path: Path) -> Path:
    certificates = [
        {
            "name": name,
            "certificate": f"providers/p/certificates/{name}",
            "directory": name,
            "outputs": [{"file": "fullchain.pem", "content": ["certificate", "chain"]}],
        }
        for name in ("unreadable", "unusable", "good")
    ]
    content = {"gateway": {"address": "127.0.0.1:1"}, "state_directory": "state", "watch": False}
    (tmp_path / "state").mkdir()
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump({**content, "certificates": certificates}))
    return tmp_path / "agent.yaml"


async def test_unexpected_errors_do_not_stop_the_other_certificates(config: Path) -> None:
    stop = asyncio.Event()
    agent = Agent(load(config), Source(), lambda *_: None)
    running = asyncio.create_task(agent.run(stop))

    async def finished() -> bool:
        unreadable, unusable, good = agent.status()["certificates"]
        return bool(unreadable["problems"] and unusable["problems"] and good["state"] == "installed")

    await eventually(finished, otherwise=lambda: str(agent.status()))
    status: StatusTree = dict(await asyncio.to_thread(ask, config.parent / "state", {"command": "status"}))
    stop.set()
    await running
    problems: list[Any] = [each["problems"] for each in status["certificates"]]
    assert [[(each["reason"], each["message"].partition(":")[0]) for each in found] for found in problems] == [
        [("gateway", "unexpected RuntimeError at test_agent_keeper.py")],
        [("internal", "unexpected RuntimeError at test_agent_keeper.py")],
        [],
    ]
    assert "marker" not in str(status)
