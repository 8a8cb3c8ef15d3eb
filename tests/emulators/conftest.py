"""Fixtures of the emulator tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator
from tests.support.emulators.secure_key_manager import KeyManager


@pytest.fixture(scope="session")
def seeded_key_manager_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state file with the default objects. A copy is faster than new RSA keys for each test."""
    path = tmp_path_factory.mktemp("secure-key-manager") / "state.sqlite"

    async def start_and_stop() -> None:
        async with EmulatorHost(SecureKeyManagerEmulator, HostOptions(state=path)):
            pass

    # With a factory, the runner does not replace the event loop of the tests.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(start_and_stop())
    return path


@pytest_asyncio.fixture
async def key_manager(seeded_key_manager_state: Path, tmp_path: Path) -> AsyncIterator[KeyManager]:
    """Yield an emulator with the default objects."""
    state = Path(shutil.copy(seeded_key_manager_state, tmp_path / "key-manager.sqlite"))
    async with (
        EmulatorHost(SecureKeyManagerEmulator, HostOptions(state=state)) as host,
        aiohttp.ClientSession() as session,
    ):
        yield KeyManager(host, session)
