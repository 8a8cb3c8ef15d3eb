"""The acknowledgement window: which acknowledged records a collector can no longer lose. Does no I/O.

A collector acknowledges records before its exporter flushes them. If it is killed in between, it loses them. A record
is safe after the collector was alive for `rewind` seconds after the acknowledgement, and then accepted another record:

- An acknowledgement over the same connection shows that the collector is the same process, even without records.
- An accepted record shows that the exporter works. An exporter that failed to flush, for example because its disk is
  full, accepts no more records.
- A long pause between two acknowledgements counts for a part of `rewind` only, because a collector that was stopped
  meanwhile did not flush either.
"""

from collections import deque
from typing import Final

from gateway.journal.format.cursor import Cursor

CHECKS_PER_REWIND: Final = 5
"""The longest pause between two acknowledgements that counts in full is `rewind` divided by this."""


class AckWindow:
    """The window of one connection. rewind: seconds. Times are seconds of a monotonic clock."""

    def __init__(self, rewind: float) -> None:
        self._rewind = rewind
        self._longest = rewind / CHECKS_PER_REWIND
        self._seen_at: float | None = None
        self._alive = 0.0
        self._waiting: deque[tuple[float, Cursor]] = deque()

    @property
    def unsafe(self) -> bool:
        """Whether an acknowledged record may still be lost."""
        return bool(self._waiting)

    @property
    def liveness_interval(self) -> float:
        """The maximum seconds between two exports while a record is unsafe, so that all of the time counts."""
        return self._longest * 0.9

    def can_make_safe(self, now: float) -> bool:
        """Return whether the acknowledgement of a record would now make all records safe."""
        return self.unsafe and self._alive_at(now) >= self._waiting[-1][0] + self._rewind

    def alive(self, now: float) -> None:
        """Note the acknowledgement of an export without records."""
        self._alive = self._alive_at(now)
        self._seen_at = now

    def acknowledged(self, now: float, cursor: Cursor | None) -> Cursor | None:
        """Note the acknowledgement of records up to `cursor`; return the cursor of the records that are safe now.

        cursor: None for records that were acknowledged before.
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
