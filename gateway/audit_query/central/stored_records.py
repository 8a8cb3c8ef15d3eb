"""Journal records from rows of the store, without duplicates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS, Candidate
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.journal.format.records import MalformedRecord, decode_body
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import JournalRecord

_CONTENT: Final = logsql.names(
    logsql.CHAIN, logsql.SEQUENCE, logsql.HASH, logsql.JOURNAL, logsql.KIND, fields.REQUEST_ID, logsql.BODY
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the store. chain, sequence, hash: its receipt."""

    journal: str
    chain: str
    sequence: int
    hash: str
    request_id: str
    body: str

    @property
    def receipt(self) -> str:
        """The receipt of the journal record."""
        return f"{self.chain}:{self.sequence}:{self.hash}"

    def recorded(self) -> RecordedEvent:
        """Return the decoded event; an empty one if it cannot be decoded."""
        event: dict[str, Any]
        try:
            event = decode_body(self.body.encode())
        except MalformedRecord:
            event = {}
        return RecordedEvent(self.receipt, event)

    def journal_record(self) -> JournalRecord:
        """Return the event as a message of the contract."""
        return JournalRecord(receipt=self.receipt, event_json=self.body)


class StoredRecords:
    """Reads journal records from the store."""

    def __init__(self, store: CentralStore) -> None:
        self._store = store

    async def of_candidates(self, candidates: Iterable[Candidate]) -> dict[Candidate, StoredEvent]:
        """Return the events of candidates."""
        wanted: dict[str, dict[int, Candidate]] = {}
        for candidate in candidates:
            wanted.setdefault(candidate.chain, {})[candidate.sequence] = candidate
        if not wanted:
            return {}
        conditions = (
            f"({logsql.equals(logsql.CHAIN, chain)} {logsql.is_one_of(logsql.SEQUENCE, sequences)})"
            for chain, sequences in wanted.items()
        )
        found = await self._events(logsql.any_of(conditions))
        return {wanted[event.chain][event.sequence]: event for event in found}

    async def of_request(self, request_id: str) -> Sequence[StoredEvent]:
        """Return the events of a request, oldest first."""
        return await self._events(logsql.equals(fields.REQUEST_ID, request_id))

    async def of_receipt(self, chain: str, sequence: int) -> Sequence[StoredEvent]:
        """Return the events with this sequence number in a chain. More than one means that the store was altered."""
        return await self._events(
            f"{logsql.equals(logsql.CHAIN, chain)} {logsql.equals(logsql.SEQUENCE, str(sequence))}"
        )

    async def _events(self, condition: str) -> Sequence[StoredEvent]:
        is_event = logsql.equals(logsql.KIND, "event")
        rows = await self._store.rows(f"{RECORDS} {is_event} {condition} | fields {_CONTENT}")
        unique = {(event.chain, event.sequence): event for row in rows if (event := _event_of(row)) is not None}
        return [unique[key] for key in sorted(unique)]


def record_of(events: Sequence[StoredEvent]) -> AuditRecord | None:
    """Return the record made from the events of a call, or None."""
    return audit_record(events[-1].journal, [event.recorded() for event in events]) if events else None


def _event_of(row: Row) -> StoredEvent | None:
    sequence = fields.number_in(row, logsql.SEQUENCE)
    if sequence is None:
        return None
    texts = (str(row.get(name, "")) for name in (logsql.JOURNAL, logsql.CHAIN, logsql.HASH))
    journal, chain, digest = texts
    return StoredEvent(
        journal, chain, sequence, digest, str(row.get(fields.REQUEST_ID, "")), str(row.get(logsql.BODY, ""))
    )
