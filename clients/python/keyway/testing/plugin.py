"""Pytest fixtures: a gateway for the session, and a client for each test."""

from collections.abc import Iterator

import pytest

from keyway.client import Client
from keyway.testing import Sandbox, start_sandbox


@pytest.fixture(scope="session")
def keyway_sandbox_command() -> list[str] | None:
    """Return the command that starts the sandbox. Override this fixture to change it."""
    return None


@pytest.fixture(scope="session")
def keyway_sandbox(keyway_sandbox_command: list[str] | None) -> Iterator[Sandbox]:
    """Yield a gateway with emulated upstreams, a `keyway.testing.Sandbox`, for the whole session."""
    with start_sandbox(keyway_sandbox_command) as sandbox:
        yield sandbox


@pytest.fixture
def keyway_client(keyway_sandbox: Sandbox) -> Iterator[Client]:
    """Yield a client of the sandbox. Each test starts without faults."""
    keyway_sandbox.clear_faults()
    with keyway_sandbox.connect() as client:
        yield client
