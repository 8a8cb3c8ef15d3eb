"""Fixtures: the command line in a separate folder, with the gateway of the sandbox."""

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
    """`keyway` with the plain listener, without faults."""
    keyway_sandbox.clear_faults()
    folder = tmp_path / "folder"
    folder.mkdir()
    return Commands(command_server, folder, {"KEYWAY_ADDRESS": keyway_sandbox.plain})
