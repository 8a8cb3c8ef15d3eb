"""Queries on the files of a journal without an index: one call, or the newest calls."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.audit.events import INTENT
from gateway.audit.query import Tail, events_of_request
from gateway.audit_query.matching import matches
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.audit_query.source import FoundRecord
from gateway.journal.format import manifest
from gateway.journal.format.lookup import find_record
from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.records import Receipt, Record
from gateway.journal.format.segments import chain_folders
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import AuditCoverage, JournalRecord

_EVENTS_PER_CALL: Final = 2
_GROWTH: Final = 8
MAXIMUM_EVENTS: Final = 50_000
"""The number of events that a search for the newest calls holds in memory."""


def find_call(directory: Path, *, request: str = "", receipt: Receipt | None = None) -> FoundRecord | None:
    """Return one call, by request ID or by the receipt of one of its records; None if there is none.

    Raises FileNotFoundError if the directory has no chain.
    """
    if receipt is not None:
        named = _record_of(directory, receipt)
        if named is None:
            return None
        request = request_id(named.value()) or ""
        if not request:
            return _call(_journal(directory), [named])
    return _call(_journal(directory), list(events_of_request(directory, request)))


class RecordTail:
    """The newest calls of a journal that match one of the filters, and new calls.

    A call that was returned while it was in progress is returned again when its outcome is recorded.

    searched_all: whether `newest` searched all calls, and not only those of the newest MAXIMUM_EVENTS events.
    """

    def __init__(self, directory: Path, filters: Sequence[AuditFilter]) -> None:
        self._directory = directory
        self._filters = filters
        self._journal = _journal(directory)
        self._tail = Tail(directory)
        self._intents: dict[str, Record] = {}
        self.searched_all = True

    def newest(self, count: int) -> list[FoundRecord]:
        """Return the newest calls, oldest first, including calls in progress. `added` continues after them."""
        if not count:
            self._tail.newest(0)
            return []
        number = min(count * _EVENTS_PER_CALL, MAXIMUM_EVENTS)
        while True:
            self._tail, self._intents = Tail(self._directory), {}
            events = self._tail.newest(number)
            found = [*self._calls(events), *self._matching(map(list, zip(self._intents.values(), strict=True)))]
            self.searched_all = len(events) < number
            if len(found) >= count or self.searched_all or number == MAXIMUM_EVENTS:
                return sorted(found, key=_start)[max(len(found) - count, 0) :]
            number = min(number * _GROWTH, MAXIMUM_EVENTS)

    def added(self) -> list[FoundRecord]:
        """Return the calls that ended since the last query, in the order in which they ended."""
        return list(self._calls(self._tail.added()))

    def _calls(self, events: Iterable[Record]) -> Iterator[FoundRecord]:
        return self._matching(self._joined(events))

    def _joined(self, events: Iterable[Record]) -> Iterator[list[Record]]:
        """Yield the records of each call that ended."""
        for record in events:
            event = record.value()
            request = request_id(event) or ""
            if event_code(event) == INTENT:
                self._intents[request] = record
            else:
                intent = self._intents.pop(request, None)
                yield [record] if intent is None else [intent, record]

    def _matching(self, calls: Iterable[list[Record]]) -> Iterator[FoundRecord]:
        for recorded in calls:
            found = _call(self._journal, recorded)
            if found is not None and any(matches(found.record, criteria) for criteria in self._filters):
                yield found


def _record_of(directory: Path, receipt: Receipt) -> Record | None:
    """Return the event with this receipt."""
    for folder in chain_folders(directory):
        record = find_record(folder, receipt.sequence)
        if record is not None and record.receipt == receipt and record.kind == "event":
            return record
    return None


def _call(journal: str, recorded: Sequence[Record]) -> FoundRecord | None:
    if not recorded:
        return None
    made = audit_record(journal, [RecordedEvent(str(each.receipt), each.value()) for each in recorded])
    if made is None:
        return None
    events = [
        JournalRecord(receipt=str(each.receipt), event_json=each.body.decode(errors="replace")) for each in recorded
    ]
    return FoundRecord(made, events, AuditCoverage(journals=[journal], complete=True))


def _journal(directory: Path) -> str:
    """Return the ID of the journal; an empty one if its manifest is missing or damaged, which `verify` reports."""
    try:
        found = manifest.load(directory)
    except manifest.MalformedManifest:
        return ""
    return "" if found is None else found.journal


def _start(found: FoundRecord) -> int:
    return found.record.start_time.ToNanoseconds()
