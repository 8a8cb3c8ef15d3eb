"""Whether the journal takes records, since when not, and how many were refused meanwhile. Mends nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
import structlog

from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.starting import now_ms

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outage:
    """While no record can be taken. since: milliseconds."""

    reason: str
    since: int
    refused: int = 0

    def body(self) -> bytes:
        """Of the record that tells of it, once it is over."""
        return orjson.dumps({"time": now_ms(), "since": self.since, "reason": self.reason, "refused": self.refused})


class Availability:
    """outage: the present one. refused: records, in all."""

    def __init__(self, folder: str) -> None:
        self.outage: Outage | None = None
        self.refused = 0
        self._folder = folder
        self._callbacks: list[Callable[[bool], None]] = []

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Have it called with each change."""
        self._callbacks.append(callback)

    def refusal(self) -> JournalUnavailable:
        """What a caller gets whose record is not taken."""
        assert self.outage is not None
        self.refused += 1
        self.outage.refused += 1
        return JournalUnavailable(self.outage.reason)

    def lost(self, reason: str) -> None:
        """No records from now on."""
        self.outage = Outage(reason, now_ms())
        _log.error("audit_journal_unavailable", reason=reason, folder=self._folder)
        self._tell(available=False)

    def regained(self) -> None:
        """Records are taken again."""
        assert self.outage is not None
        _log.info(
            "audit_journal_available", reason=self.outage.reason, refused=self.outage.refused, folder=self._folder
        )
        self.outage = None
        self._tell(available=True)

    def ended(self, reason: str) -> None:
        """No records any more, which is no news to anyone."""
        self.outage = Outage(reason, now_ms())

    def _tell(self, *, available: bool) -> None:
        for callback in self._callbacks:
            callback(available)
