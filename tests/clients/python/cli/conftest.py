"""Fixtures: the command line in a folder of its own, over the sandbox's gateway."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands, forking


@pytest.fixture(scope="session")
def command_server() -> Iterator[subprocess.Popen[str]]:
    with forking() as server:
        yield server


@pytest.fixture
def commands(command_server: subprocess.Popen[str], keyway_sandbox: Sandbox, tmp_path: Path) -> Commands:
    """`keyway` for everybody's listener; no fault is armed."""
    keyway_sandbox.clear_faults()
    folder = tmp_path / "folder"
    folder.mkdir()
    return Commands(command_server, folder, {"KEYWAY_ADDRESS": keyway_sandbox.plain})
