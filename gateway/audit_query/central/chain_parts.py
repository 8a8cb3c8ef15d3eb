"""The chains in the store, in parts that one request reads.

One query finds the parts of all chains. Each part has a range of sequence numbers and the times of its records, so that
the store can skip blocks with other times.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS
from gateway.audit_query.central.heads import rfc3339
from gateway.audit_query.central.store import CentralStore, Row

_RECORDS: Final = 2000
"""The largest number of records of a part, without duplicates."""
_MARGIN: Final = timedelta(milliseconds=1)
"""Times in the store can be more precise than the ones here."""


@dataclass(frozen=True, slots=True)
class ChainPart:
    """A part of a chain. start, end: its sequence numbers, without `end`. since, until: the times of its records."""

    start: int
    end: int
    since: datetime
    until: datetime | None

    @property
    def condition(self) -> str:
        """The condition for records of the part. It does not contain the chain."""
        until = "" if self.until is None else f" _time:<={rfc3339(self.until)}"
        return f"_time:>={rfc3339(self.since)}{until} {logsql.in_range(logsql.SEQUENCE, self.start, self.end)}"


@dataclass(frozen=True, slots=True)
class StoredChain:
    """A chain in the store, with its parts in order."""

    chain: str
    journal: str
    parts: Sequence[ChainPart]


async def stored_chains(store: CentralStore) -> Sequence[StoredChain]:
    """Return all chains in the store, sorted by name. Records without a valid sequence number are in no part."""
    chain, sequence = logsql.quote(logsql.CHAIN), logsql.quote(logsql.SEQUENCE)
    rows = await store.rows(
        f"{RECORDS} | stats by ({chain}, {sequence}:{_RECORDS})"
        f" max({logsql.quote(logsql.JOURNAL)}) as journal, min(_time) as first, max(_time) as last"
    )
    rows.sort(key=_chain_of)
    return [_stored_chain(chain, list(of_chain)) for chain, of_chain in groupby(rows, key=_chain_of)]


def _chain_of(row: Row) -> str:
    return str(row[logsql.CHAIN])


def _stored_chain(chain: str, rows: Sequence[Row]) -> StoredChain:
    numbered = [(number, row) for row in rows if (number := fields.number_in(row, logsql.SEQUENCE)) is not None]
    spans = sorted(
        (number, datetime.fromisoformat(row["first"]), datetime.fromisoformat(row["last"])) for number, row in numbered
    )
    return StoredChain(chain, max(str(row.get("journal", "")) for row in rows), list(_parts(spans)))


def _parts(spans: Sequence[tuple[int, datetime, datetime]]) -> Iterator[ChainPart]:
    """Yield the parts, from the first number and the first and last time of each.

    Together, they cover all times, so that a record which arrives during the verification is found.
    """
    before: datetime | None = None
    for position, (number, first, last) in enumerate(spans):
        since = first if before is None else min(first, before)
        until = last + _MARGIN if position < len(spans) - 1 else None
        yield ChainPart(number, number + _RECORDS, since - _MARGIN, until)
        before = last
