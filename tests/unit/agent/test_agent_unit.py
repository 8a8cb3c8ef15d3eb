"""The systemd unit of the agent, and its examples."""

import re
import subprocess
from pathlib import Path

import pytest

from keyway.agent.settings_file import load
from tests.support.programs import program

DEPLOY = Path(__file__).parents[3] / "deploy" / "agent"
UNIT = DEPLOY / "keyway-agent.service"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that exists, because systemd-analyze checks that."""
    stub = tmp_path / "keyway"
    stub.write_text("#!/bin/sh\n")
    stub.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/keyway-agent/bin/keyway", str(stub)))
    return unit


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = (program("systemd-analyze"), *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_finds_no_fault_in_the_unit_of_the_agent(installed: Path) -> None:
    done = analyze("verify", installed)
    assert (done.returncode, done.stderr) == (0, "")


def test_exposure_of_the_agent_is_low(installed: Path) -> None:
    """On the scale of systemd, 2 of 10: the network, and the change of groups of files."""
    done = analyze("security", "--offline=yes", "--threshold=20", "--no-pager", installed)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize("name", ["nginx", "haproxy", "tomcat"])
def test_example_is_valid(name: str) -> None:
    (certificate,) = load(DEPLOY / f"{name}.yaml").certificates
    assert certificate.needs_key
    assert certificate.reload is not None
    assert certificate.verify is not None


def test_polkit_permits_exactly_the_units_of_the_examples() -> None:
    permitted = set(re.findall(r'"([\w-]+\.service)": "(\w+)"', (DEPLOY / "60-keyway-agent.rules").read_text()))
    text = "".join((DEPLOY / f"{name}.yaml").read_text() for name in ("nginx", "haproxy"))
    assert permitted == {(unit, verb) for verb, unit in re.findall(r"systemctl, (\w+), ([\w-]+\.service)\]", text)}
