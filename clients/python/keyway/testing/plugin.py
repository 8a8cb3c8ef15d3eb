"""The pytest fixtures: a gateway for the session, a client for each test."""

from collections.abc import Iterator

import pytest

from keyway.client import Client
from keyway.testing import Sandbox, start_sandbox


@pytest.fixture(scope="session")
def keyway_sandbox_command() -> list[str] | None:
    """What starts the sandbox; override it where the default does not fit."""
    return None


@pytest.fixture(scope="session")
def keyway_sandbox(keyway_sandbox_command: list[str] | None) -> Iterator[Sandbox]:
    """A gateway over emulated upstreams: `keyway.testing.Sandbox`. One for the whole session."""
    with start_sandbox(keyway_sandbox_command) as sandbox:
        yield sandbox


@pytest.fixture
def keyway_client(keyway_sandbox: Sandbox) -> Iterator[Client]:
    """A client of it, as `keyway.connect` gives one; no fault is armed when a test begins."""
    keyway_sandbox.clear_faults()
    with keyway_sandbox.connect() as client:
        yield client
