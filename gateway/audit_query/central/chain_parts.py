"""The chains in the store, in parts that one request reads. One query finds the parts of all chains."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS
from gateway.audit_query.central.store import CentralStore, Row

_RECORDS: Final = 2000
"""The largest number of records of a part, without duplicates."""


@dataclass(frozen=True, slots=True)
class ChainPart:
    """A part of a chain. start, end: its sequence numbers, without `end`."""

    start: int
    end: int

    @property
    def condition(self) -> str:
        """The condition for records of the part. It does not contain the chain."""
        return logsql.in_range(logsql.SEQUENCE, self.start, self.end)


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
        f"{RECORDS} | stats by ({chain}, {sequence}:{_RECORDS}) max({logsql.quote(logsql.JOURNAL)}) as journal"
    )
    rows.sort(key=_chain_of)
    return [_stored_chain(chain, list(of_chain)) for chain, of_chain in groupby(rows, key=_chain_of)]


def _chain_of(row: Row) -> str:
    return str(row[logsql.CHAIN])


def _stored_chain(chain: str, rows: Sequence[Row]) -> StoredChain:
    numbers = (fields.number_in(row, logsql.SEQUENCE) for row in rows)
    starts = sorted(number for number in numbers if number is not None)
    parts = [ChainPart(start, start + _RECORDS) for start in starts]
    return StoredChain(chain, max(str(row.get("journal", "")) for row in rows), parts)
