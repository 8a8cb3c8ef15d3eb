"""Verification of one chain in the central store, record by record, in the order of sequence numbers.

Unlike the verification of a directory, it continues after a problem, and reports all missing and altered records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, Self, cast

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.store import Row
from gateway.audit_query.central.verification_report import CentralChainReport
from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.hash_chain import ALTERED, LINK_BROKEN
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.records import NO_HASH, Kind, MalformedRecord, Receipt, decode_body, encode, parse
from gateway.journal.verify.report import RecordLocation
from gateway.journal.verify.trusted_keys import TrustedKeys

_RETENTION_EDGE: Final = timedelta(minutes=1)
"""Retention removes whole days. At the end of a day, the order of times can differ from that of sequence numbers."""
_MISSING: Final = "not in the store"
_OTHER_FIELDS: Final = "the fields that queries use do not match the content"
_EVENT: Final = "event"


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy of a record in the store. fields_match: whether the fields that queries use match the body."""

    sequence: int
    previous: str
    kind: str
    hash: str
    body: str
    fields_match: bool

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row."""
        texts = (str(row.get(name, "")) for name in (logsql.PREVIOUS, logsql.KIND, logsql.HASH, logsql.BODY))
        previous, kind, digest, body = texts
        fields_match = kind != _EVENT or fields.match_event(row, body)
        return cls(fields.number_in(row, logsql.SEQUENCE) or 0, previous, kind, digest, body, fields_match)

    @property
    def time(self) -> datetime | None:
        """The time in the body, which the hash covers; None if there is none."""
        try:
            return datetime.fromtimestamp(decode_body(self.body.encode())["time"] / 1000, UTC)
        except (MalformedRecord, KeyError, TypeError, ValueError, OverflowError):
            return None

    def fault(self, chain: str) -> str | None:
        """Return why the content does not match the hash; None if it matches."""
        try:
            line, digest = encode(chain, self.sequence, self.previous, cast("Kind", self.kind), self.body.encode())
            parse(line)
        except ValueError:
            return ALTERED
        return None if digest == self.hash else ALTERED


class ChainCheck:
    """Checks one chain. report: the findings so far. expected: the receipts of records that the chain must contain."""

    def __init__(
        self, chain: str, journal: str, keys: Sequence[JournalPublicKey], expected: Mapping[int, Receipt]
    ) -> None:
        self.report = CentralChainReport(chain, journal)
        self.found: set[Receipt] = set()
        self._chain = chain
        self._expected = expected
        self._keys = TrustedKeys(keys)
        self._last = 0
        self._hash = ""
        self._beginning: datetime | None = None
        self._signed = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Check the next records. rows: sorted by sequence number; all copies of a record are together."""
        copies = (StoredCopy.from_row(row) for row in rows)
        for sequence, same in groupby(copies, key=lambda copy: copy.sequence):
            self._add_record(sequence, list(same))

    def finish(self) -> CentralChainReport:
        """Complete the report."""
        report = self.report
        report.unsigned = max(0, self._last - self._signed) if self._signed else report.records
        report.key_changes = self._keys.changes
        if self._last:
            report.head = Receipt(self._chain, self._last, self._hash)
        if self._keys.untrusted is not None:
            key_id, location = self._keys.untrusted
            what = f"the checkpoint is signed with key {key_id}, and no trusted key signed a later checkpoint"
            report.add_problem(location.sequence, what)
        elif not self._keys.established and report.records:
            report.add_problem(report.first, "no checkpoint of the chain is signed with a trusted key", last=self._last)
        return report

    def _add_record(self, sequence: int, copies: list[StoredCopy]) -> None:
        different = list(dict.fromkeys((each.previous, each.kind, each.hash, each.body) for each in copies))
        self.report.duplicates += len(copies) - len(different)
        record = self._choose(copies)
        is_next = self._begin_or_follow(sequence, record)
        self.report.records += 1
        faults = list(self._faults(record, is_next=is_next))
        if len(different) > 1:
            faults.append(f"the store has {len(different)} different records with this number")
        if not faults and not all(copy.fields_match for copy in copies):
            faults.append(_OTHER_FIELDS)
        if faults:
            self.report.altered += 1
            self.report.add_problem(sequence, "; ".join(faults))
        self._last, self._hash = sequence, record.hash
        if (wanted := self._expected.get(sequence)) is not None:
            if wanted.hash == record.hash:
                self.found.add(wanted)
            else:
                self.report.add_problem(sequence, "the hash differs from the expected receipt")

    def _choose(self, copies: Sequence[StoredCopy]) -> StoredCopy:
        """Return the copy that continues the chain; otherwise a copy that matches its hash; otherwise any copy."""
        if len(copies) == 1:
            return copies[0]
        intact = [copy for copy in copies if copy.fault(self._chain) is None]
        linked = [copy for copy in intact if copy.previous == self._hash]
        return (linked or intact or copies)[0]

    def _begin_or_follow(self, sequence: int, record: StoredCopy) -> bool:
        """Report missing records before this record. Return whether the previous record is known."""
        if self._last and sequence > self._last + 1 and not self._at_the_edge(record):
            self._note_gap(sequence)
            return False
        if not self._last or sequence > self._last + 1:
            self._begin(sequence, record)
            return False
        return True

    def _begin(self, sequence: int, record: StoredCopy) -> None:
        self._beginning = self._beginning or record.time
        self.report.first = sequence
        self.report.records = 0
        time = record.time.isoformat(timespec="milliseconds") if record.time is not None else "an unknown time"
        note = f"begins with record {sequence}, of {time}: retention removed the earlier records, or they are missing"
        self.report.notes = [note] if sequence > 1 else []

    def _at_the_edge(self, record: StoredCopy) -> bool:
        """Return whether retention can have removed the records before this one, but not all older records."""
        if self.report.first == 1 or self._beginning is None or record.time is None or record.fault(self._chain):
            return False
        return abs(record.time - self._beginning) <= _RETENTION_EDGE

    def _note_gap(self, before: int) -> None:
        if self._last and before > self._last + 1:
            self.report.missing += before - self._last - 1
            self.report.add_problem(self._last + 1, _MISSING, last=before - 1)

    def _faults(self, record: StoredCopy, *, is_next: bool) -> Iterator[str]:
        if (fault := record.fault(self._chain)) is not None:
            yield fault
            return
        if (is_next and record.previous != self._hash) or (record.sequence == 1 and record.previous != NO_HASH):
            yield LINK_BROKEN
        try:
            self._read(record)
        except MalformedRecord as error:
            yield str(error)

    def _read(self, record: StoredCopy) -> None:
        """Read the keys and signatures of a record. Raises MalformedRecord."""
        if record.kind == "segment":
            self._keys.add_named(decode_body(record.body.encode()), record.sequence)
        elif record.kind == "checkpoint":
            checkpoint = Checkpoint.from_body(self._chain, decode_body(record.body.encode()))
            if (checkpoint.head.sequence, checkpoint.head.hash) != (record.sequence - 1, record.previous):
                raise MalformedRecord("the checkpoint does not sign the previous record")
            self._keys.check(checkpoint, RecordLocation(self._chain, 0, record.sequence))
            self.report.checkpoints += 1
            if self._keys.untrusted is None:
                self._signed = record.sequence
