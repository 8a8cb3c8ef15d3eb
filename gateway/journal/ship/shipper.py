"""The shipper of an audit directory: runs one task for each chain."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from gateway.journal.format.keys import signing_key_path
from gateway.journal.format.regular_files import open_file
from gateway.journal.format.segments import chain_folders
from gateway.journal.ship.chain import LAST_SECONDS, ChainShipper
from gateway.journal.ship.settings import ShipSettings

LOCK: Final = "shipper.lock"
_POLL_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


async def run_shipper(
    audit_directory: Path, ship_settings: ShipSettings, stop: asyncio.Event, signing_key_file: Path | None = None
) -> None:
    """Ship every chain of the directory, also those that appear later, until `stop` is set.

    Then ships the remaining records, if the collector accepts them within a few seconds; others are shipped after the
    next start. Only one process at a time ships a directory; other processes wait.

    signing_key_file: the configured file of the key that signs cursors. Default: the one in the directory.
    """
    signing_key = signing_key_path(audit_directory, signing_key_file)
    if not ship_settings.secure:
        _log.warning("audit_shipping_in_plaintext", endpoint=ship_settings.endpoint)
    async with _locked(audit_directory, stop) as locked:
        if not locked:
            return
        _log.info("audit_shipping_started", endpoint=ship_settings.endpoint)
        tasks: dict[Path, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for folder in chain_folders(audit_directory):
                    if folder not in tasks:
                        tasks[folder] = group.create_task(ChainShipper(folder, ship_settings, stop, signing_key).run())
                if await _stopped(stop, _POLL_SECONDS):
                    break
            if tasks:
                _, late = await asyncio.wait(tasks.values(), timeout=LAST_SECONDS + 1)
                for task in late:  # the collector does not respond
                    task.cancel()


@asynccontextmanager
async def _locked(directory: Path, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Hold the lock of the directory; yield False if the stop comes first."""
    logged = False
    while not stop.is_set():
        try:
            descriptor = open_file(directory / LOCK, os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            await _stopped(stop, _POLL_SECONDS)  # the journal has not created its directory yet
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
            return
        except BlockingIOError:
            if not logged:
                _log.warning("audit_shipper_already_running", directory=str(directory))
                logged = True
        finally:
            os.close(descriptor)
        await _stopped(stop, _POLL_SECONDS)
    yield False


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for the stop; return whether it came within the seconds."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
