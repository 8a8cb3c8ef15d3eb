"""Coverage of the central store: which journals an answer covers, and whether records are missing.

The sequence numbers of a chain have no gaps. So the store has all records of a chain up to its newest one if the number
of different sequence numbers matches the first and the last of them. The store cannot detect records that a gateway has
not shipped. So an answer is complete up to the earliest of the times of the newest records of all chains. Closed chains
are ignored, because they have no more records.

New records become visible to queries within about a second, in any order. So the newest records are not counted, and a
gap is reported only if it still exists after that time.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS
from gateway.audit_query.central.heads import ChainHead, Heads, rfc3339
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.time_ranges import FOREVER_MS, TimeRange
from keyway.v1.audit_service_pb2 import AuditCoverage

_CACHE_SECONDS: Final = 10.0
_MAXIMUM_CACHED: Final = 64
_SETTLED_SECONDS: Final = 3.0
"""The age after which a record is usually visible. Records that are shipped late become visible later."""
_VISIBLE_SECONDS: Final = 1.5
"""The maximum time between the arrival of a record and its visibility."""
_HOUR_MS: Final = 3_600_000
_NAMED: Final = 3
"""The maximum number of chains or journals in a reason."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """The records of a chain in a time range: the lowest and highest sequence number, and the number of records."""

    chain: str
    first: int
    last: int
    count: int

    @property
    def missing(self) -> int:
        return self.last - self.first + 1 - self.count


class Coverage:
    """Determines the coverage of answers. journals: the IDs of the journals that the store must contain."""

    def __init__(self, store: CentralStore, heads: Heads, journals: Sequence[str]) -> None:
        self._store = store
        self._heads = heads
        self._journals = frozenset(journals)
        self._cached: dict[TimeRange, tuple[float, Sequence[_Extent]]] = {}

    async def read(self, times: TimeRange) -> AuditCoverage:
        """Return the coverage of the records of a time range."""
        heads, extents = await asyncio.gather(self._heads.read(), self._extents(_hours(times)))
        reasons = list(self._reasons(heads, extents))
        found = AuditCoverage(
            journals=sorted({head.journal for head in heads if head.journal}),
            complete=not reasons,
            incomplete_reason="; ".join(reasons),
        )
        open_chains = [head.time for head in heads if not head.closed]
        if heads:
            settled = datetime.now(UTC) - timedelta(seconds=_SETTLED_SECONDS)
            found.indexed_time.FromDatetime(min((settled, *open_chains)))
        return found

    def _reasons(self, heads: Sequence[ChainHead], extents: Sequence[_Extent]) -> Iterator[str]:
        if absent := sorted(self._journals - {head.journal for head in heads}):
            yield f"the store has no records of {_some(absent)}"
        if missing := sum(extent.missing for extent in extents):
            chains = [extent.chain for extent in extents if extent.missing]
            yield f"{missing} records of {_some(chains)} are missing"
        if not heads and not self._journals:
            yield "the store has no records"

    async def _extents(self, times: TimeRange) -> Sequence[_Extent]:
        now = time.monotonic()
        found = self._cached.get(times)
        if found is None or now - found[0] >= _CACHE_SECONDS:
            if len(self._cached) >= _MAXIMUM_CACHED:
                self._cached.clear()
            found = self._cached[times] = (now, await self._query(times))
        return found[1]

    async def _query(self, times: TimeRange) -> Sequence[_Extent]:
        settled = int((time.time() - _SETTLED_SECONDS) * 1000)
        extents = await self._count(f"{RECORDS} {_recorded_in(TimeRange(times.start, min(times.end, settled)))}")
        # Times and sequence numbers can have slightly different orders, so records can be just outside of the range.
        extents = await self._recount(extents)
        if any(extent.missing for extent in extents):
            await asyncio.sleep(_VISIBLE_SECONDS)
            extents = await self._recount(extents)
        return extents

    async def _recount(self, extents: Sequence[_Extent]) -> Sequence[_Extent]:
        """Count again the records of chains with gaps, between the same sequence numbers, but without a time range."""
        ranges = [
            f"({logsql.equals(logsql.CHAIN, each.chain)} {logsql.in_range(logsql.SEQUENCE, each.first, each.last + 1)})"
            for each in extents
            if each.missing
        ]
        return await self._count(f"{RECORDS} {logsql.any_of(ranges)}") if ranges else ()

    async def _count(self, query: str) -> Sequence[_Extent]:
        sequence = logsql.quote(logsql.SEQUENCE)
        rows = await self._store.rows(
            f"{query} | stats by ({logsql.quote(logsql.CHAIN)}) min({sequence}) as first, max({sequence}) as last,"
            f" count_uniq_hash({sequence}) as found"
        )
        found = (
            _Extent(str(row[logsql.CHAIN]), *(fields.number_in(row, name) or 0 for name in ("first", "last", "found")))
            for row in rows
        )
        return sorted(found, key=lambda extent: extent.chain)


def _hours(times: TimeRange) -> TimeRange:
    """Return the full hours of a time range."""
    return TimeRange(times.start // _HOUR_MS * _HOUR_MS, min(-(-times.end // _HOUR_MS) * _HOUR_MS, FOREVER_MS))


def _recorded_in(times: TimeRange) -> str:
    """Return the condition that a record was written in a time range."""
    return f"_time:>={_moment(times.start)} _time:<{_moment(times.end)}"


def _moment(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
