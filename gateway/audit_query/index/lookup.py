"""Lookup of one audit record with its journal records."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.audit_query.index.call_writer import request_key
from gateway.audit_query.index.conditions import Condition, scope_conditions, where
from gateway.audit_query.index.records import COLUMNS, IndexRow, RecordReader
from gateway.audit_query.source import Scope
from gateway.journal.format.lookup import find_record
from gateway.journal.format.payloads import request_id
from gateway.journal.format.records import MalformedRecord, Receipt, Record
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import JournalRecord

Found = tuple[AuditRecord, Sequence[JournalRecord]]


class RecordLookup:
    """Finds records in the index, and their journal records in `directory`."""

    def __init__(self, connection: sqlite3.Connection, reader: RecordReader, directory: Path, scope: Scope) -> None:
        self._connection = connection
        self._reader = reader
        self._directory = directory
        self._scope = scope

    def by_request(self, request: str) -> Found | None:
        """Return the record with a request ID, or None."""
        return self._first([Condition("calls.request = ?", (request_key(request),))])

    def by_receipt(self, text: str) -> Found | None:
        """Return the record with a journal record that has this receipt, or None."""
        try:
            receipt = Receipt.parse(text)
        except ValueError:
            return None
        chain = self._connection.execute("SELECT id, folder FROM chains WHERE chain = ?", (receipt.chain,)).fetchone()
        record = self._journal_record(chain[1], receipt.sequence) if chain is not None else None
        if record is None or record.receipt != receipt or record.kind != "event":
            return None
        try:
            request = request_id(record.value())
        except MalformedRecord:
            return None
        found = self._first(
            [
                Condition("calls.chain = ? AND calls.request IS ?", (chain[0], request_key(request or ""))),
                Condition("? IN (calls.sequence, calls.last)", (receipt.sequence,)),
            ]
        )
        return found or self._merged(chain[0], receipt.sequence)

    def _merged(self, chain: int, sequence: int) -> Found | None:
        """Return the record of calls that were recorded together."""
        return self._first([Condition("calls.chain = ? AND calls.request IS NULL AND last = ?", (chain, sequence))])

    def _first(self, conditions: Sequence[Condition]) -> Found | None:
        sql, values = where([*conditions, *scope_conditions(self._scope)])
        row = self._connection.execute(
            # CROSS JOIN fixes the order: the index on calls begins with the segment.
            f"SELECT {COLUMNS} FROM segments CROSS JOIN calls ON calls.segment = segments.id {sql} LIMIT 1",
            values,
        ).fetchone()
        return self._with_journal_records(row) if row is not None else None

    def _with_journal_records(self, columns: Sequence[Any]) -> Found | None:
        """Return the record with its journal records; None if the last one is no longer in the journal."""
        row = IndexRow(*columns)
        (folder,) = self._connection.execute("SELECT folder FROM chains WHERE id = ?", (row.chain,)).fetchone()
        found = [self._journal_record(folder, sequence) for sequence in sorted({row.sequence, row.last})]
        if found[-1] is None or found[-1].hash != row.hash.hex():
            return None
        records = [
            JournalRecord(receipt=str(each.receipt), event_json=each.body.decode(errors="replace"))
            for each in found
            if each is not None
        ]
        return self._reader.record(columns), records

    def _journal_record(self, folder: str, sequence: int) -> Record | None:
        try:
            return find_record(self._directory / folder, sequence)
        except OSError:
            return None
