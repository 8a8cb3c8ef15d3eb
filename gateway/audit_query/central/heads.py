"""The chains in the store, with the newest record of each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS
from gateway.audit_query.central.store import CentralStore, Row
from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.records import MalformedRecord, decode_body

_CACHE_SECONDS: Final = 2.0
_CHECKPOINT: Final = "checkpoint"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest record of a chain in the store. closed: whether the gateway closed the chain at a clean stop."""

    chain: str
    journal: str
    sequence: int
    time: datetime
    closed: bool


class Heads:
    """Reads the heads of all chains, and caches them for a few seconds."""

    def __init__(self, store: CentralStore) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._read = -_CACHE_SECONDS
        self._heads: Sequence[ChainHead] = ()

    async def read(self) -> Sequence[ChainHead]:
        """Return the heads, sorted by chain."""
        async with self._lock:
            if time.monotonic() - self._read >= _CACHE_SECONDS:
                self._heads = await self._query()
                self._read = time.monotonic()
            return self._heads

    async def _query(self) -> Sequence[ChainHead]:
        """Read the heads. The first query, for the newest time of each chain, reads only little of each block."""
        chain = logsql.quote(logsql.CHAIN)
        newest = await self._store.rows(f"{RECORDS} | stats by ({chain}) max(_time) as newest")
        ends = [f"({logsql.equals(logsql.CHAIN, row[logsql.CHAIN])} _time:>={row['newest']})" for row in newest]
        if not ends:
            return ()
        columns = logsql.names(logsql.SEQUENCE, logsql.KIND, logsql.BODY, logsql.TIME, logsql.JOURNAL)
        rows = await self._store.rows(
            f"{RECORDS} {logsql.any_of(ends)}"
            f" | stats by ({chain}) row_max({logsql.quote(logsql.SEQUENCE)}, {columns}) as head"
        )
        return sorted((_head_of(row) for row in rows), key=lambda head: head.chain)


def rfc3339(moment: datetime) -> str:
    """Return a time in the format of LogsQL."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _head_of(row: Row) -> ChainHead:
    chain, head = str(row[logsql.CHAIN]), orjson.loads(row["head"])
    return ChainHead(
        chain=chain,
        journal=head.get(logsql.JOURNAL, ""),
        sequence=fields.number_in(head, logsql.SEQUENCE) or 0,
        time=datetime.fromisoformat(head[logsql.TIME]),
        closed=head.get(logsql.KIND) == _CHECKPOINT and _is_stop(chain, head.get(logsql.BODY, "")),
    )


def _is_stop(chain: str, body: Any) -> bool:
    try:
        return Checkpoint.from_body(chain, decode_body(str(body).encode())).stop
    except MalformedRecord:
        return False
