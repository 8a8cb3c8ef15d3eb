"""What every test run needs: foreign programs, hypothesis without a clock, and fixtures for the whole stack."""

import logging
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import hypothesis
import pytest
import structlog

from keyway.v1.provider_service_pb2 import CheckProviderRequest
from tests.support.stack import Stack

PROGRAMS: Final = {
    "openssl": "the package openssl of Debian and Ubuntu",
    "keytool": "any JDK; on Debian and Ubuntu the package default-jre-headless",
    "curl": "the package curl of Debian and Ubuntu",
}
"""The foreign programs that tests check with, and where they are found."""

# No deadline: how long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("keyway", deadline=None, print_blob=True)
hypothesis.settings.load_profile("keyway")


def pytest_configure() -> None:
    """Keep no logger's set-up for later tests, let Ctrl-C be one, and name the programs that are missing."""
    configure = structlog.configure

    def configured(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    structlog.configure = configured  # type: ignore[assignment]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in its background so, and programs under test would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = [f"{program} ({source})" for program, source in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        pytest.exit(f"The tests need programs that are not on PATH: {'; '.join(missing)}.", returncode=4)


@pytest.fixture(autouse=True)
def log_as_found() -> Iterator[None]:
    """What a command, run in this process, set up for its log goes with the test: its stream is closed by then."""
    root, configured, configuration = logging.getLogger(), structlog.is_configured(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    # Those of pytest are of kinds of their own, and come and go with each phase of a test.
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
    """One gateway over three emulators for the whole session: real gRPC and real HTTP on real sockets."""
    async with Stack() as stack:
        yield stack


@pytest.fixture
async def stack(running_stack: Stack) -> Stack:
    """The stack with freshly seeded emulators: no armed faults, no history, the default objects."""
    await running_stack.reset()
    return running_stack


@pytest.fixture(scope="module")
async def seeded_stack(running_stack: Stack) -> Stack:
    """The stack, freshly seeded for this module, with a live ASTERIA session."""
    await running_stack.reset()
    await running_stack.gateway.providers.CheckProvider(CheckProviderRequest(name="providers/asteria"))
    return running_stack


@pytest.fixture
async def quiet_stack(seeded_stack: Stack) -> Stack:
    """The stack for tests that change nothing upstream: no armed faults and no history, and no time lost on a reset."""
    for control in seeded_stack.controls.values():
        await control.call("DELETE", "/faults")
        await control.forget_requests()
    return seeded_stack
