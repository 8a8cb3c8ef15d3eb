"""The command `tail`: prints the newest records, and new records as they arrive."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from keyway.audit.commands import selected
from keyway.audit.formats import LineWriter, RecordWriter, record_writer
from keyway.audit.reader import AuditReader, Completeness, records
from keyway.terminal.screen import Screen
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AuditFilter, AuditRecord

_SECOND: Final = 1_000_000_000
_LATE: Final = 60 * _SECOND
"""How late a record can appear after newer records, if the answers do not state up to when they are complete."""
_LONGEST_CALL: Final = 600 * _SECOND
"""The maximum time to wait for the outcome of a pending call."""

_Key = tuple[str, ...]


class Follower:
    """Finds the records that are new since the last query.

    All queries are the same request, so that the gateway records the repetitions together. A call is new when its
    outcome is recorded.
    """

    def __init__(self, reader: AuditReader, filters: Sequence[AuditFilter]) -> None:
        self._reader = reader
        self._filters = filters
        self._seen: dict[_Key, int] = {}
        self._pending: dict[_Key, int] = {}
        self._floor = 0
        self.completeness = Completeness()
        """What is missing from the last answer."""

    async def newest(self, count: int) -> list[AuditRecord]:
        """Return the newest records, oldest first, including calls in progress."""
        found: list[AuditRecord] = []
        async for record in self._records():
            if len(found) >= count and _time(record) < self._settled(found):
                break
            found.append(record)
            self._take(record)
        self._raise_floor()
        return found[:count][::-1]

    async def added(self) -> list[AuditRecord]:
        """Return the new records, oldest first."""
        found = []
        async for record in self._records():
            if _time(record) < self._floor:
                break
            if self._take(record):
                found.append(record)
        self._raise_floor()
        return found[::-1]

    def _records(self) -> Any:
        self.completeness = Completeness()
        return records(self._reader, self._filters, self.completeness)

    def _take(self, record: AuditRecord) -> bool:
        """Return whether the record is complete and new."""
        key = _key(record)
        if record.outcome == AUDIT_OUTCOME_PENDING:
            self._pending[key] = _time(record)
            return False
        self._pending.pop(key, None)
        known = key in self._seen
        self._seen[key] = _time(record)
        return not known

    def _settled(self, found: Sequence[AuditRecord]) -> int:
        """Return the time before which the last answer is complete. found: the newest records of the answer."""
        newest = _time(found[0]) if found else 0
        return self.completeness.indexed or newest - _LATE

    def _raise_floor(self) -> None:
        """Move the time forward before which no record can be new, and forget the records before it."""
        newest = max(self._seen.values(), default=0)
        settled = self.completeness.indexed or newest - _LATE
        self._pending = {key: moment for key, moment in self._pending.items() if moment > settled - _LONGEST_CALL}
        self._floor = max(self._floor, min([settled, *self._pending.values()]))
        self._seen = {key: moment for key, moment in self._seen.items() if moment >= self._floor}


async def tail_records(reader: AuditReader, values: Mapping[str, Any], screen: Screen, *, poll_seconds: float) -> None:
    """Print the newest records. With `follow`, also print new records until interrupted. Raises OptionError."""
    follower = Follower(reader, selected(values, screen))
    if values["format"] == "table":
        writer: RecordWriter = LineWriter(screen.write)
    else:
        writer = record_writer(values["format"], screen.write, screen, reader)
    await _write(await follower.newest(values["lines"]), writer, screen)
    noted: list[str] = []
    _note(follower.completeness.notes(), noted, screen)
    while values["follow"]:
        await asyncio.sleep(poll_seconds)
        await _write(await follower.added(), writer, screen)
        _note(follower.completeness.incomplete, noted, screen)


async def _write(found: Sequence[AuditRecord], writer: RecordWriter, screen: Screen) -> None:
    for record in found:
        await writer.add(record)
    screen.flush()


def _note(notes: Sequence[str], noted: list[str], screen: Screen) -> None:
    """Print the notes that were not printed before."""
    for note in notes:
        if note not in noted:
            screen.note(note)
            noted.append(note)


def _time(record: AuditRecord) -> int:
    return record.start_time.ToNanoseconds()


def _key(record: AuditRecord) -> _Key:
    """Return the key that identifies a record. The receipt is not part of it, because it can change."""
    if record.request_id:
        return (record.request_id,)
    return (record.journal, record.start_time.ToJsonString(), record.caller, record.action, record.peer_address)
