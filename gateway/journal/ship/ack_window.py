"""Which acknowledged records a collector can no longer lose. Pure bookkeeping over acknowledgements of one connection.

A collector acknowledges before its exporter has flushed; killed in between, it loses what it acknowledged. What it took
is safe once it has been seen alive for `rewind` seconds after that, and has then taken a record again. Exports that are
acknowledged over the same connection show that it is still the same process, also those without records; a record shows
that its exporter still works: one whose disk was full when it flushed takes no more. A pause between two
acknowledgements counts for a part of `rewind` only, since a collector that was stopped meanwhile did not flush either.
"""

from collections import deque
from typing import Final

from gateway.journal.format.cursor import Cursor

PULSES: Final = 5
"""Into how many parts `rewind` is divided: the longest pause between two acknowledgements that counts in full."""


class Safety:
    """What one connection has shown. Times are of any clock that does not go back."""

    def __init__(self, rewind: float) -> None:
        self._rewind = rewind
        self._longest = rewind / PULSES
        self._seen_at: float | None = None
        self._alive = 0.0
        self._waiting: deque[tuple[float, Cursor]] = deque()

    @property
    def unsafe(self) -> bool:
        """Whether something acknowledged may still be lost."""
        return bool(self._waiting)

    @property
    def pulse(self) -> float:
        """How long at most to leave the collector alone while something is unsafe, so that all of the time counts."""
        return self._longest * 0.9

    def ripe(self, now: float) -> bool:
        """Whether a record, were it acknowledged now, would make all safe that is not."""
        return self.unsafe and self._alive_at(now) >= self._waiting[-1][0] + self._rewind

    def alive(self, now: float) -> None:
        """Take note of an acknowledgement of nothing."""
        self._alive = self._alive_at(now)
        self._seen_at = now

    def acknowledged(self, now: float, cursor: Cursor | None) -> Cursor | None:
        """Take note of an acknowledgement of records up to `cursor`; answers the newly safe place.

        cursor: None where the records were acknowledged before.
        """
        self.alive(now)
        safe = None
        while self._waiting and self._alive >= self._waiting[0][0] + self._rewind:
            safe = self._waiting.popleft()[1]
        if cursor is not None:
            self._waiting.append((self._alive, cursor))
        return safe

    def _alive_at(self, now: float) -> float:
        return self._alive + (min(now - self._seen_at, self._longest) if self._seen_at is not None else 0.0)
