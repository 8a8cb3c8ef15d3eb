"""The unit of systemd: accepted by systemd, hardened, and consistent with how the gateway starts and stops."""

import subprocess
from pathlib import Path

import pytest

from gateway.gateway_settings import GatewaySettings
from tests.support.programs import program

UNIT = Path(__file__).parents[2] / "deploy/systemd/keyway-gateway.service"
PROGRAM = "/opt/keyway/bin/keyway-gateway"
LINES = UNIT.read_text().splitlines()


def value(name: str) -> str:
    (line,) = (line for line in LINES if line.startswith(f"{name}="))
    return line.partition("=")[2]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that exists, because systemd-analyze checks that."""
    stub = tmp_path / "keyway-gateway"
    stub.write_text("#!/bin/sh\n")
    stub.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(stub)))
    return unit


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = (program("systemd-analyze"), *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_finds_no_fault(installed: Path) -> None:
    done = analyze("verify", installed)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_a_fault(installed: Path) -> None:
    installed.write_text(installed.read_text().replace("KillMode=mixed", "KillMode=mixd"))
    assert "mixd" in analyze("verify", installed).stderr


def test_exposure_is_low(installed: Path) -> None:
    """On the scale of systemd, 1.5 of 10. Most of it is the network, which the gateway needs."""
    done = analyze("security", "--offline=yes", "--threshold=15", "--no-pager", installed)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_stopping_drains_the_gateway() -> None:
    assert value("KillMode") == "mixed"
    defaults = GatewaySettings.model_fields
    drain = float(defaults["drain_delay"].default) + float(defaults["drain_timeout"].default)
    assert float(value("TimeoutStopSec")) >= drain + 30


def test_killed_worker_does_not_stop_the_service() -> None:
    assert value("OOMPolicy") == "continue"


def test_priority_of_background_processes_can_be_lowered() -> None:
    """@resources contains the system calls for that."""
    assert [line for line in LINES if line.startswith("SystemCallFilter=~")] == ["SystemCallFilter=~@privileged"]
    assert value("CapabilityBoundingSet") == ""
