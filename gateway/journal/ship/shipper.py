"""The shipper: one task for each chain of an audit directory, for as long as it runs."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from gateway.journal.format.segments import chain_folders
from gateway.journal.ship.chain import LAST_SECONDS, ChainShipper
from gateway.journal.ship.settings import ShipSettings

LOCK: Final = "shipper.lock"
_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


async def run_shipper(audit_directory: Path, ship_settings: ShipSettings, stop: asyncio.Event) -> None:
    """Ship every chain of the directory, also those that appear later, until `stop` is set.

    Then ships what is left, if the collector takes it within a few seconds; what it does not is shipped after the next
    start. Only one process at a time ships a directory: another one waits.
    """
    if not ship_settings.secure:
        _log.warning("audit_shipping_in_plaintext", endpoint=ship_settings.endpoint)
    async with _alone(audit_directory, stop) as alone:
        if not alone:
            return
        _log.info("audit_shipping_started", endpoint=ship_settings.endpoint)
        tasks: dict[Path, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for folder in chain_folders(audit_directory):
                    if folder not in tasks:
                        tasks[folder] = group.create_task(ChainShipper(folder, ship_settings, stop).run())
                if await _stopped(stop, _LOOK_SECONDS):
                    break
            if tasks:
                _, late = await asyncio.wait(tasks.values(), timeout=LAST_SECONDS + 1)
                for task in late:  # it waits for a collector that does not answer
                    task.cancel()


@asynccontextmanager
async def _alone(directory: Path, stop: asyncio.Event) -> AsyncIterator[bool]:
    """Hold the directory's lock; False where the stop came before that."""
    told = False
    while not stop.is_set():
        try:
            descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            await _stopped(stop, _LOOK_SECONDS)  # the journal has not made its directory yet
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
            return
        except BlockingIOError:
            if not told:
                _log.warning("audit_shipping_elsewhere", directory=str(directory))
                told = True
        finally:
            os.close(descriptor)
        await _stopped(stop, _LOOK_SECONDS)
    yield False


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for the stop; whether it came within the seconds."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
