"""The availability of the journal: whether it accepts records, since when it does not, and how many it rejected."""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
import structlog

from gateway.journal.errors import DISK_FULL, JournalUnavailable, error_name
from gateway.journal.write.clock import now_ms

_DISK_FULL: Final = {errno.errorcode[number] for number in DISK_FULL}

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outage:
    """A period in which the journal accepts no records. since: milliseconds since 1970."""

    reason: str
    since: int
    rejected: int = 0

    @property
    def disk_full(self) -> bool:
        """Whether the reason is that the disk has no free space."""
        return self.reason in _DISK_FULL

    def body(self) -> bytes:
        """Return the body of the record that reports the outage after its end."""
        return orjson.dumps({"time": now_ms(), "since": self.since, "reason": self.reason, "refused": self.rejected})


class Availability:
    """The current outage, or None while the journal accepts records. rejected: all records rejected so far.

    lost: set while there is an outage. The journal makes the repairs.
    """

    def __init__(self, folder: str) -> None:
        self.outage: Outage | None = None
        self.rejected = 0
        self.lost = asyncio.Event()
        self._folder = folder
        self._callbacks: list[Callable[[bool], None]] = []

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call `callback` with each change."""
        self._callbacks.append(callback)

    def rejection(self) -> JournalUnavailable:
        """Count a rejected record, and return the error for its caller."""
        assert self.outage is not None
        self.rejected += 1
        self.outage.rejected += 1
        return JournalUnavailable(self.outage.reason)

    def fail(self, error: OSError) -> None:
        """Accept no records from now on. Does nothing during an outage."""
        if self.outage is not None:
            return
        self.outage = Outage(error_name(error), now_ms())
        self.lost.set()
        _log.error("audit_journal_unavailable", error=self.outage.reason, folder=self._folder)
        self._notify(available=False)

    def recover(self) -> None:
        """End the outage."""
        assert self.outage is not None
        outage, self.outage = self.outage, None
        self.lost.clear()
        _log.info("audit_journal_available", error=outage.reason, rejected=outage.rejected, folder=self._folder)
        self._notify(available=True)

    def close(self, reason: str) -> None:
        """Accept no records any more, without a log event."""
        self.outage = Outage(reason, now_ms())

    def _notify(self, *, available: bool) -> None:
        for callback in self._callbacks:
            callback(available)
