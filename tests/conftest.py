"""Settings of every test run, and fixtures for the whole stack."""

import logging
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import hypothesis
import pytest
import structlog

from keyway.v1.provider_service_pb2 import CheckProviderRequest
from tests.support.stack import Stack

# No deadline: the duration of an example depends on the machine more than on the code.
hypothesis.settings.register_profile("keyway", deadline=None, print_blob=True)
hypothesis.settings.load_profile("keyway")


def pytest_configure() -> None:
    """Stop structlog from caching loggers across tests, and restore the default handler of Ctrl-C."""
    configure = structlog.configure

    def configured(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    structlog.configure = configured  # type: ignore[assignment]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores SIGINT in its background jobs, and the programs under test would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Undo the log configuration of a command that a test runs in this process, because its stream is closed later."""
    root, configured, configuration = logging.getLogger(), structlog.is_configured(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    # The handlers of pytest are subclasses. Pytest adds and removes them with each phase of a test.
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    if configured:
        structlog.configure(**configuration)
    else:
        structlog.reset_defaults()


@pytest.fixture(scope="session")
async def running_stack() -> AsyncIterator[Stack]:
    """A gateway over all emulators for the whole session, with real gRPC and HTTP on real sockets."""
    async with Stack() as stack:
        yield stack


@pytest.fixture
async def stack(running_stack: Stack) -> Stack:
    """The stack after a reset of the emulators: no armed faults, no history, the default objects."""
    await running_stack.reset()
    return running_stack


@pytest.fixture(scope="module")
async def seeded_stack(running_stack: Stack) -> Stack:
    """The stack after one reset for this module, with a live ASTERIA session."""
    await running_stack.reset()
    await running_stack.gateway.providers.CheckProvider(CheckProviderRequest(name="providers/asteria"))
    return running_stack


@pytest.fixture
async def quiet_stack(seeded_stack: Stack) -> Stack:
    """The stack without armed faults and history, for tests that change nothing upstream. Faster than a reset."""
    for control in seeded_stack.controls.values():
        await control.call("DELETE", "/faults")
        await control.forget_requests()
    return seeded_stack
