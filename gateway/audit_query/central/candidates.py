"""Search for the events that can make rows of a list, newest first. It uses only fields of the store.

The search returns batches. Each batch contains all candidates of a time range, and is older than the previous batch.
"""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.time_ranges import FOREVER_MS, TimeRange

RECORDS: Final = f'_stream:{{{logsql.quote(logsql.CHAIN)}!=""}} {logsql.quote(logsql.SEQUENCE)}:*'
"""Selects journal records, and no other logs in the store. After a deletion, rows without fields can remain."""
_DAY_MS: Final = 86_400_000
_WIDTHS_MS: Final = (_DAY_MS, 30 * _DAY_MS, FOREVER_MS)
"""The lengths of the time ranges to search for the next batch. The search ends when a batch is full."""
_CLOCK_MS: Final = _DAY_MS
"""How far the clock of a gateway may be set back during a call. Without that, a record is not older than its call."""
_IDENTITY: Final = logsql.names(fields.START_TIME, logsql.CHAIN, logsql.SEQUENCE)


class Candidate(NamedTuple):
    """The event of a call. Candidates are ordered by these fields, and lists by the opposite order."""

    start_time: int
    chain: str
    sequence: int


def recorded_since(milliseconds: int) -> Sequence[str]:
    """Return a condition on the time of records, for calls that began at or after a time. It makes queries faster."""
    earliest = milliseconds - _CLOCK_MS
    if earliest <= 0:
        return ()
    return (f"_time:>={datetime.fromtimestamp(earliest // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",)


def candidate_of(row: Row) -> Candidate | None:
    """Return the candidate for a row; None if a field is missing or not valid."""
    start, sequence = fields.number_in(row, fields.START_TIME), fields.number_in(row, logsql.SEQUENCE)
    return Candidate(start, str(row.get(logsql.CHAIN, "")), sequence) if start is not None and sequence else None


class CandidateSearch:
    """Searches for events that make a row and match conditions. size: the approximate size of a batch."""

    def __init__(self, store: CentralStore, conditions: Sequence[str], size: int) -> None:
        self._store = store
        self._conditions = (logsql.is_one_of(fields.EVENT_CODE, fields.RECORDED_CALLS), *conditions)
        self._size = size

    async def batches(self, times: TimeRange) -> AsyncIterator[tuple[TimeRange, set[Candidate]]]:
        """Yield batches of candidates, each with the part of the time range for which it is complete."""
        end = times.end
        while end > times.start:
            start, found = await self._newest(TimeRange(times.start, end))
            yield TimeRange(start, end), found
            end = start

    async def _newest(self, times: TimeRange) -> tuple[int, set[Candidate]]:
        """Return the newest candidates, and the time since which they are complete."""
        newest = min(times.end, time.time_ns() // 1_000_000)
        for width in _WIDTHS_MS:
            start = max(times.start, newest - width)
            found = await self._find(TimeRange(start, times.end), f"| sort by ({_IDENTITY_ORDER}) limit {self._size}")
            if len(found) >= self._size:
                # Other candidates with the same time as the oldest one can be missing.
                oldest = min(found).start_time
                return oldest, {*found, *await self._find(TimeRange(oldest, oldest + 1))}
            if start == times.start:
                break
        return times.start, {*found}

    async def _find(self, times: TimeRange, rest: str = "") -> list[Candidate]:
        in_range = logsql.in_range(fields.START_TIME, times.start, times.end)
        query = " ".join((RECORDS, *recorded_since(times.start), in_range, *self._conditions))
        rows = await self._store.rows(f"{query} | fields {_IDENTITY} {rest}")
        # Duplicates count towards the size of a batch, so the number of rows shows whether the batch is full.
        return [found for row in rows if (found := candidate_of(row)) is not None]


_IDENTITY_ORDER: Final = f"{logsql.quote(fields.START_TIME)} desc"
