"""Audit records from rows of the index."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.audit_query.index.call_writer import request_text
from gateway.audit_query.index.texts import TextReader
from gateway.audit_query.source import Position
from keyway.v1.audit_record_pb2 import AuditRecord

COLUMNS: Final = (
    "time, calls.chain, sequence, last, hash, request, caller, action, resources, logs, policies, peer,"
    " caller_request, status, reason, outcome, denied, private, duration, calls, surface"
)


class IndexRow(NamedTuple):
    """The columns of `COLUMNS`. caller to reason, and surface: numbers of texts or of lists of texts."""

    time: int
    chain: int
    sequence: int
    last: int
    hash: bytes
    request: bytes | str | None
    caller: int
    action: int
    resources: int
    logs: int
    policies: int
    peer: int
    caller_request: str | None
    status: Any
    reason: int
    outcome: Any
    denied: int
    private: int
    duration: int | None
    calls: int
    surface: int


class RecordReader:
    """Makes audit records from rows. journal: the ID of the journal."""

    def __init__(self, connection: sqlite3.Connection, journal: str) -> None:
        self._texts = TextReader(connection)
        self._journal = journal
        self._chains = dict(connection.execute("SELECT id, chain FROM chains"))

    def record(self, columns: Sequence[Any]) -> AuditRecord:
        """Return the record of a row."""
        row, text, texts = IndexRow(*columns), self._texts.text, self._texts.texts
        record = AuditRecord(
            request_id=request_text(row.request),
            caller=text(row.caller),
            action=text(row.action),
            private_material=bool(row.private),
            resources=texts(row.resources),
            outcome=row.outcome,
            status=row.status,
            reason=text(row.reason),
            denied=bool(row.denied),
            policies=texts(row.policies),
            calls=row.calls,
            peer_address=text(row.peer),
            caller_request_id=row.caller_request or "",
            audit_logs=texts(row.logs),
            surface=text(row.surface),
            journal=self._journal,
            receipt=f"{self._chains.get(row.chain, '')}:{row.last}:{row.hash.hex()}",
        )
        record.start_time.FromMilliseconds(row.time)
        if row.duration is not None:
            record.duration.FromMicroseconds(row.duration)
        return record

    def position(self, columns: Sequence[Any]) -> Position:
        """Return the position of a row in a list."""
        time, chain, sequence = columns[:3]
        return Position.of_record(time, self._chains.get(chain, ""), sequence)

    def row_key(self, position: Position) -> tuple[int, int, int]:
        """Return the key of the row at a position. Later positions have smaller keys."""
        chain, sequence = position.record
        numbers = [number for number, name in self._chains.items() if name == chain]
        return position.time // 1000, *((numbers[0], sequence) if numbers else (0, 0))
