"""What is sent over one connection, and how far that is safe: signs of life, and the bookmark that follows."""

import time
from collections.abc import Callable
from typing import Final

from gateway.journal.format.cursor import Cursor
from gateway.journal.ship.ack_window import Safety
from gateway.journal.ship.connection import Connection
from gateway.journal.ship.cursor_store import Bookmark
from gateway.journal.ship.export_results import Answer, Meaning
from gateway.journal.ship.otlp import Export
from gateway.journal.ship.reader import Batch

_REMEMBER_SECONDS: Final = 1.0
"""The bookmark moves this often at most; what it does not cover is only repeated."""
_clock: Final[Callable[[], float]] = time.monotonic


class Line:
    """A connection, with what its acknowledgements have shown so far; `bookmark` follows as far as they reach."""

    def __init__(self, connection: Connection, rewind: float, bookmark: Bookmark) -> None:
        self._connection = connection
        self._safety = Safety(rewind)
        self._bookmark = bookmark
        self._safe: Cursor | None = None
        self._last = Export()
        self._sent_at = self._remembered_at = _clock()
        self.lost = connection.lost

    async def send(self, batch: Batch) -> Answer:
        """Send records."""
        answer = await self._export(batch.export)
        if answer.meaning is Meaning.ACCEPTED:
            self._last = batch.export
            await self._acknowledged(batch.ends[-1])
        return answer

    async def show_alive(self) -> Answer:
        """Send nothing, for the sake of the answer; at last the last record again, which makes it safe."""
        if not self._safety.ripe(_clock()):
            answer = await self._export(Export())
            if answer.meaning is Meaning.ACCEPTED:
                self._safety.alive(self._sent_at)
            return answer
        answer = await self._export(self._last.last())
        if answer.meaning is Meaning.ACCEPTED:
            await self._acknowledged(None)
        return answer

    async def _export(self, export: Export) -> Answer:
        answer = await self._connection.export(export.request)
        self._sent_at = _clock()
        return answer

    async def _acknowledged(self, cursor: Cursor | None) -> None:
        now = self._sent_at
        self._safe = self._safety.acknowledged(now, cursor) or self._safe
        if now - self._remembered_at > min(_REMEMBER_SECONDS, self._safety.pulse) or not self._safety.unsafe:
            await self.remember()

    async def remember(self) -> None:
        """Write down what is safe."""
        if self._safe is not None:
            await self._bookmark.put(self._safe)
            self._safe, self._remembered_at = None, _clock()

    @property
    def unsafe(self) -> bool:
        """Whether something depends on signs of life."""
        return self._safety.unsafe

    def due_in(self) -> float:
        """The seconds until the next sign of life is due; without end where nothing depends on it."""
        return self._sent_at + self._safety.pulse - _clock() if self.unsafe else float("inf")
