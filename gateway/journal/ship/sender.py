"""The sender of one connection: sends exports, checks that the collector is alive, and moves the cursor."""

import time
from collections.abc import Callable
from typing import Final

from gateway.journal.format.cursor import Cursor
from gateway.journal.ship.ack_window import AckWindow
from gateway.journal.ship.connection import CollectorConnection
from gateway.journal.ship.cursor_store import CursorStore
from gateway.journal.ship.export_results import ExportResult, ExportStatus
from gateway.journal.ship.otlp import Export
from gateway.journal.ship.reader import Batch

_STORE_SECONDS: Final = 1.0
"""The minimum interval between two writes of the cursor. Records after the cursor are sent again after a failure."""
_clock: Final[Callable[[], float]] = time.monotonic


class Sender:
    """Sends over one connection. The cursor in `cursor_store` follows the records that are safe."""

    def __init__(self, connection: CollectorConnection, rewind: float, cursor_store: CursorStore) -> None:
        self._connection = connection
        self._ack_window = AckWindow(rewind)
        self._cursor_store = cursor_store
        self._safe: Cursor | None = None
        self._last = Export()
        self._sent_at = self._stored_at = _clock()
        self.lost = connection.lost

    async def send(self, batch: Batch) -> ExportResult:
        """Send the records of a batch."""
        result = await self._export(batch.export)
        if result.status is ExportStatus.ACCEPTED:
            self._last = batch.export
            await self._acknowledged(batch.ends[-1])
        return result

    async def check_alive(self) -> ExportResult:
        """Send an empty export; when the window allows it, resend the last record instead, which makes all safe."""
        if not self._ack_window.can_make_safe(_clock()):
            result = await self._export(Export())
            if result.status is ExportStatus.ACCEPTED:
                self._ack_window.alive(self._sent_at)
            return result
        result = await self._export(self._last.last())
        if result.status is ExportStatus.ACCEPTED:
            await self._acknowledged(None)
        return result

    async def _export(self, export: Export) -> ExportResult:
        result = await self._connection.export(export.request)
        self._sent_at = _clock()
        return result

    async def _acknowledged(self, cursor: Cursor | None) -> None:
        now = self._sent_at
        self._safe = self._ack_window.acknowledged(now, cursor) or self._safe
        if (
            now - self._stored_at > min(_STORE_SECONDS, self._ack_window.liveness_interval)
            or not self._ack_window.unsafe
        ):
            await self.store_cursor()

    async def store_cursor(self) -> None:
        """Store the cursor of the safe records."""
        if self._safe is not None:
            await self._cursor_store.save(self._safe)
            self._safe, self._stored_at = None, _clock()

    @property
    def unsafe(self) -> bool:
        """Whether an acknowledged record may still be lost."""
        return self._ack_window.unsafe

    def due_in(self) -> float:
        """Return the seconds until the next liveness check; infinite if no record is unsafe."""
        return self._sent_at + self._ack_window.liveness_interval - _clock() if self.unsafe else float("inf")
