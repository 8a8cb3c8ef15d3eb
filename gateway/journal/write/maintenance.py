"""Maintenance of one chain's files, every few seconds: measures the disk usage, and removes old segments.

Runs on the journal's event loop; file operations run on threads. The journal decides when.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.cursor import Cursor, load_signed
from gateway.journal.format.records import Receipt
from gateway.journal.settings import AuditSettings
from gateway.journal.write import retention
from gateway.journal.write.availability import Availability
from gateway.journal.write.clock import now_ms
from gateway.journal.write.disk_usage import DiskWatch
from gateway.journal.write.writer import Writer

INTERVAL_SECONDS: Final = 10.0
_LOG_SECONDS: Final = 600.0
"""The minimum interval between two log events of the same kind."""
_clock: Final[Callable[[], float]] = time.monotonic

_log = structlog.get_logger(__name__)


class Maintenance:
    """The maintenance of the chain in `folder`. watch: its disk usage."""

    def __init__(self, folder: Path, settings: AuditSettings, availability: Availability) -> None:
        self.watch = DiskWatch(folder)
        self._folder = folder
        self._settings = settings
        self._availability = availability
        self._logged: dict[str, float] = {}

    async def run(self, writer: Writer | None) -> None:
        """Do once what is due. Logs failures. writer: None until the journal could open its directory."""
        try:
            await asyncio.to_thread(self.watch.update)
        except OSError as error:
            self._warn("audit_disk_usage_unknown", str(error))
        if writer is None or self._settings.ship is None:
            return
        try:
            cursor = await asyncio.to_thread(load_signed, self._folder, writer.records.key.public)
            if cursor is not None:
                await self.remove_shipped(writer, cursor)
        except (OSError, ValueError, JournalUnavailable) as error:
            self._warn("audit_retention_failed", str(error))

    async def remove_shipped(self, writer: Writer, cursor: Cursor) -> int:
        """Remove the segments before the cursor that are older than the retention period; return how many."""
        if self._availability.outage is not None or cursor.chain != writer.chain.id:
            return 0
        before = now_ms() - round(self._settings.retention * 1000)
        removal = await asyncio.to_thread(retention.removable, self._folder, cursor, before)
        if removal is None or self._availability.outage is not None:
            return 0
        try:
            writer.append_internal("retention", removal.body(now_ms()))
            # A removal is proved by signed records only.
            writer.append_checkpoint()
        except OSError as error:
            self._availability.fail(error)
            return 0
        writer.records.removed = Receipt(writer.chain.id, removal.sequence, removal.hash)
        await writer.make_durable(writer.chain.sequence)
        await asyncio.to_thread(retention.remove, self._folder, removal)
        await asyncio.to_thread(writer.group_commit.copies.remove_until, removal.sequence)
        return len(removal.segments)

    def _warn(self, event: str, error: str) -> None:
        if event not in self._logged or _clock() - self._logged[event] >= _LOG_SECONDS:
            self._logged[event] = _clock()
            _log.warning(event, error=error, folder=str(self._folder))
