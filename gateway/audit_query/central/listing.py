"""Lists of records from the store, newest first, including calls without an outcome."""

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.audit_query.central import conditions
from gateway.audit_query.central.candidates import Candidate, CandidateSearch
from gateway.audit_query.central.heads import Heads
from gateway.audit_query.central.pending import pending_calls
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.central.stored_records import StoredRecords, record_of
from gateway.audit_query.matching import matches
from gateway.audit_query.source import MAXIMUM_ANSWER_BYTES, Position, Scope
from gateway.audit_query.time_ranges import TimeRange, time_range
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord

_SMALLEST_BATCH: Final = 100
_RECORDS_PER_REQUEST: Final = 200
"""The number of records in memory with their bodies, which can have a megabyte."""
_RECORDS_PER_TURN: Final = 50
"""The number of records after which other tasks can use the event loop."""


class Listing:
    """Finds the records of lists."""

    def __init__(self, store: CentralStore, records: StoredRecords, heads: Heads) -> None:
        self._store = store
        self._records = records
        self._heads = heads

    async def read(
        self, criteria: AuditFilter, scope: Scope, limit: int, after: Position | None
    ) -> tuple[list[tuple[Candidate, AuditRecord]], bool]:
        """Return the records after a position that make a page, and whether there are more."""
        times = time_range(criteria)
        end = _candidate_at(after) if after is not None else None
        if end is not None:
            times = TimeRange(times.start, min(times.end, end.start_time + 1))
        pending = await self._pending(criteria, scope, times)
        selected = [
            *conditions.scope_conditions(scope),
            *conditions.conditions(criteria),
            *conditions.result_conditions(criteria),
        ]
        found: list[tuple[Candidate, AuditRecord]] = []
        size, step = 0, min(limit + 1, _RECORDS_PER_REQUEST)
        search = CandidateSearch(self._store, selected, max(limit + 1, _SMALLEST_BATCH))
        async for part, candidates in search.batches(times):
            candidates |= {each for each in pending if part.start <= each.start_time < part.end}
            ordered = sorted((each for each in candidates if end is None or each < end), reverse=True)
            for start in range(0, len(ordered), step):
                for each in await self._selected(criteria, scope, ordered[start : start + step]):
                    if len(found) == limit or size >= MAXIMUM_ANSWER_BYTES:
                        return found, True
                    found.append(each)
                    size += each[1].ByteSize()
        return found, False

    async def _selected(
        self, criteria: AuditFilter, scope: Scope, candidates: Sequence[Candidate]
    ) -> list[tuple[Candidate, AuditRecord]]:
        """Return the records of those candidates that match the filter and the scope."""
        events = await self._records.of_candidates(candidates)
        found = []
        for number, candidate in enumerate(candidates):
            if number % _RECORDS_PER_TURN == 0:
                await asyncio.sleep(0)
            record = record_of([events[candidate]]) if candidate in events else None
            if record is not None and self._selects(criteria, scope, record):
                found.append((candidate, record))
        return found

    @staticmethod
    def _selects(criteria: AuditFilter, scope: Scope, record: AuditRecord) -> bool:
        return matches(record, criteria) and conditions.is_visible(scope, record.audit_logs)

    async def _pending(self, criteria: AuditFilter, scope: Scope, times: TimeRange) -> set[Candidate]:
        if not conditions.allows_pending(criteria):
            return set()
        selected = [*conditions.scope_conditions(scope), *conditions.conditions(criteria)]
        return await pending_calls(self._store, await self._heads.read(), times, selected)

    async def pending(self, criteria: AuditFilter, scope: Scope, times: TimeRange) -> list[AuditRecord]:
        """Return the records of calls without an outcome, if they can match the filter."""
        events = await self._records.of_candidates(await self._pending(criteria, scope, times))
        return [record for event in events.values() if (record := record_of([event])) is not None]


def position_of(candidate: Candidate) -> Position:
    """Return the position of a candidate in a list."""
    return Position.of_record(*candidate)


def _candidate_at(position: Position) -> Candidate:
    return Candidate(position.time // 1000, *position.record)
