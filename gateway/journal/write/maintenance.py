"""Maintenance of one chain's files, every few seconds: measures the disk usage, removes old segments, and
compresses sealed ones.

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
from gateway.journal.write import compression, retention
from gateway.journal.write.availability import Availability
from gateway.journal.write.clock import now_ms
from gateway.journal.write.disk_usage import DiskWatch
from gateway.journal.write.writer import Writer

INTERVAL_SECONDS: Final = 10.0
_LOG_SECONDS: Final = 3600.0
"""The minimum interval between two log events of the same kind."""
_HELD_UP: Final = "the journal exceeds its space limit, and the remaining segments are not shipped yet, or the newest"
_EVERY_RECORD: Final = 1 << 63
_clock: Final[Callable[[], float]] = time.monotonic

_log = structlog.get_logger(__name__)


class Maintenance:
    """The maintenance of the chain in `folder`. watch: its disk usage."""

    def __init__(self, folder: Path, settings: AuditSettings, availability: Availability) -> None:
        self.watch = DiskWatch(folder)
        self._folder = folder
        self._settings = settings
        self._availability = availability
        self._stopped = False
        self._logged: dict[str, float] = {}

    async def run(self, writer: Writer | None) -> None:
        """Do once what is due. Logs failures. writer: None until the journal could open its directory."""
        try:
            await asyncio.to_thread(self.watch.update)
        except OSError as error:
            self._warn("audit_disk_usage_unknown", error=str(error))
        if writer is None:
            return
        try:
            await self._remove(writer, await self._last_removable(writer))
        except (OSError, ValueError, JournalUnavailable) as error:
            self._warn("audit_retention_failed", error=str(error))
        if self._settings.compress:
            await self._compress(writer.group_commit.durable)

    def stop(self) -> None:
        """End a compression in progress."""
        self._stopped = True

    async def _compress(self, durable: int) -> None:
        """Compress sealed segments, for at most the time until the next maintenance."""
        ends = _clock() + INTERVAL_SECONDS
        try:
            for start in await asyncio.to_thread(compression.compressible, self._folder, durable):
                if _clock() > ends or self._stopped:
                    break
                await asyncio.to_thread(compression.compress, self._folder, start, lambda: self._stopped)
        except compression.StoppedError:
            pass
        except (OSError, ValueError) as error:
            self._warn("audit_compression_failed", error=str(error))

    async def remove_shipped(self, writer: Writer, cursor: Cursor) -> int:
        """Remove the segments before the cursor that retention does not keep; return how many."""
        return await self._remove(writer, _last_shipped(writer, cursor))

    async def _last_removable(self, writer: Writer) -> int:
        """Return the sequence number of the last record that retention may remove; 0 if it may remove none."""
        if self._settings.ship is None:
            return _EVERY_RECORD if self._settings.remove_unshipped else 0
        cursor = await asyncio.to_thread(load_signed, self._folder, writer.records.key.public)
        return _last_shipped(writer, cursor) if cursor is not None else 0

    async def _remove(self, writer: Writer, last: int) -> int:
        if not self._can_write:
            return 0
        usage = self.watch.usage
        excess = retention.excess(self._settings, usage) if usage is not None else 0
        before = now_ms() - round(self._settings.retention * 1000)
        removal = await asyncio.to_thread(
            retention.removable, self._folder, writer.chain.id, last=last, before=before, excess=excess
        )
        missing = excess - (removal.size if removal is not None else 0)
        if missing > 0 and last:
            self._warn("audit_retention_held_up", error=_HELD_UP, missing_bytes=missing)
        if removal is None or not self._can_write:
            return 0
        try:
            writer.append_removal(removal.body(now_ms()))
        except OSError as error:
            self._availability.fail(error)
            return 0
        writer.records.removed = Receipt(writer.chain.id, removal.sequence, removal.hash)
        await writer.make_durable(writer.chain.sequence)
        await asyncio.to_thread(retention.remove, self._folder, removal)
        await asyncio.to_thread(writer.group_commit.copies.remove_until, removal.sequence)
        return len(removal.segments)

    @property
    def _can_write(self) -> bool:
        """Whether the journal is available, or unavailable because the disk is full, which a removal ends."""
        outage = self._availability.outage
        return outage is None or outage.disk_full

    def _warn(self, event: str, **values: object) -> None:
        if event not in self._logged or _clock() - self._logged[event] >= _LOG_SECONDS:
            self._logged[event] = _clock()
            _log.warning(event, folder=str(self._folder), **values)


def _last_shipped(writer: Writer, cursor: Cursor) -> int:
    """Return the last record that is shipped, and not in the segment from which shipping continues."""
    return min(cursor.sequence, cursor.position.segment - 1) if cursor.chain == writer.chain.id else 0
