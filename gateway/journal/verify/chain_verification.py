"""Verification of one chain: its segments record by record, its checkpoints and their copies, and removed records."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.journal.format.checkpoints import Checkpoint, read_copies
from gateway.journal.format.compressed_segments import DamagedSegment
from gateway.journal.format.hash_chain import HashChain, check_segment_head, is_torn
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.payloads import manifest_of, removed_by, unsigned_range
from gateway.journal.format.records import MalformedRecord, Receipt, decode_body, parse
from gateway.journal.format.segments import open_segment, segment_path, segment_starts
from gateway.journal.verify.copy_verification import CopyVerification
from gateway.journal.verify.expected_records import ExpectedRecord, ExpectedRecords
from gateway.journal.verify.intent_matching import IntentMatching
from gateway.journal.verify.progress import WatchLines, unwatched
from gateway.journal.verify.report import ChainReport, InvalidChain, Problem, RecordLocation
from gateway.journal.verify.trusted_keys import TrustedKeys


class ChainVerification:
    """One verification of a chain. report: the findings so far."""

    def __init__(
        self,
        folder: Path,
        keys: Sequence[JournalPublicKey],
        expected: Sequence[ExpectedRecord],
        watch: WatchLines = unwatched,
    ) -> None:
        self._watch = watch
        self._folder = folder
        self._given = expected
        self._expected = ExpectedRecords("", ())
        self._trusted_keys = TrustedKeys(keys)
        self._matching = IntentMatching()
        self._checkpoints: dict[int, str] = {}
        self._ends: dict[int, str] = {}
        self._removed: list[tuple[int, Receipt]] = []
        self._head: HashChain | None = None
        self._previous_of_first = ""
        self.report = ChainReport(folder.name)

    @property
    def trusted(self) -> list[JournalPublicKey]:
        """The keys that are trusted after the verification: the given ones, and those that they cover."""
        return self._trusted_keys.trusted

    def run(self) -> ChainReport:
        """Verify the chain, and return the report. FileNotFoundError if a segment is deleted meanwhile."""
        # Read the copies before the chain: while a gateway writes, every copied checkpoint is already in the chain.
        copies = read_copies(self._folder)
        try:
            starts = segment_starts(self._folder)
            for start in starts:
                self._verify_segment(start, newest=start == starts[-1])
            self._verify_beginning()
            self.report.copies = CopyVerification(self._folder, self._head, self._checkpoints, self._trusted_keys).run(
                copies
            )
            self._verify_trust()
            self.report.notes += self._expected.finish(self.report.first, self._folder.name)
        except InvalidChain as invalid:
            self.report.problem = Problem(*invalid.location, invalid.what)
        self._complete_report()
        return self.report

    def _verify_segment(self, start: int, *, newest: bool) -> None:
        path = segment_path(self._folder, start)
        head = self._head
        if head is not None and head.sequence + 1 != start:
            what = f"records {head.sequence + 1} to {start - 1} are missing before this segment"
            raise InvalidChain(self._location(path, 0, head.sequence + 1), what)
        self.report.segments += 1
        if self._verify_lines(path, start, newest=newest) and self._head is not None:
            self._ends[self._head.sequence] = self._head.hash

    def _verify_lines(self, path: Path, start: int, *, newest: bool) -> bool:
        """Verify the lines of a segment; return False for an incomplete record at the end."""
        offset = 0
        try:
            with open_segment(path) as file:
                for line in self._watch(path, file):
                    if self._head is None and line.endswith(b"\n"):
                        self._begin(path, start, line)
                    if not self._verify_line(path, offset, line, newest=newest):
                        return False
                    offset += len(line)
        except DamagedSegment as error:
            sequence = self._head.sequence + 1 if self._head is not None else start
            raise InvalidChain(self._location(path, offset, sequence), str(error)) from None
        return True

    def _verify_line(self, path: Path, offset: int, line: bytes, *, newest: bool) -> bool:
        """Verify a line; return False for an incomplete record at the end."""
        head = self._head
        if head is None:
            self._verify_end(path, offset, line, newest=newest)
            return False
        sequence = head.sequence + 1
        try:
            kind, body = head.follow(line)
            if kind == b"event" and offset:
                self._matching.add(body)
            else:
                self._verify_internal(kind, body, path, offset, line)
        except MalformedRecord as error:
            if not line.endswith(b"\n"):
                self._verify_end(path, offset, line, newest=newest)
                return False
            raise InvalidChain(self._location(path, offset, sequence), str(error)) from None
        if sequence in self._expected:
            self._expected.check(head.hash, self._location(path, offset, sequence))
        return True

    def _begin(self, path: Path, start: int, line: bytes) -> None:
        """Begin with the first record of the oldest segment."""
        try:
            first = parse(line)
            check_segment_head(start, first, None)
        except MalformedRecord as error:
            raise InvalidChain(self._location(path, 0, start), str(error)) from None
        self._previous_of_first = first.previous
        self.report.chain, self.report.first = first.chain, start
        self._expected = ExpectedRecords(first.chain, self._given)
        self._head = HashChain(first.chain, start - 1, first.previous)

    def _verify_end(self, path: Path, offset: int, rest: bytes, *, newest: bool) -> None:
        """Verify an incomplete last line. A crash leaves the start of a record, in the newest segment only."""
        head = self._head
        location = self._location(path, offset, head.sequence + 1 if head is not None else 1)
        if not is_torn(rest, head.opening() if head is not None else None):
            raise InvalidChain(location, "the end of the last record was altered")
        if not newest:
            raise InvalidChain(location, "the record is incomplete, although a later segment exists")
        self.report.notes.append(
            f"{location.file}: byte {offset}: incomplete record: it is being written, or a crash cut it off"
        )

    def _verify_internal(self, kind: bytes, body: bytes, path: Path, offset: int, line: bytes) -> None:
        """Verify a record of the journal itself."""
        assert self._head is not None
        value = decode_body(body)
        if (kind == b"segment") != (offset == 0):
            what = "unexpected first record of a segment" if offset else "not a valid first record of a segment"
            raise MalformedRecord(what)
        match kind:
            case b"checkpoint":
                self._verify_checkpoint(Checkpoint.from_body(self._head.chain, value), path, offset, line)
            case b"segment":
                self._trusted_keys.add_named(value, self._head.sequence)
                self.report.journal = self.report.journal or manifest_of(value) or ""
                if self._head.sequence == self.report.first:
                    self._matching.begin([entry["request"] for entry in value.get("open", [])])
                if "removed" in value:
                    self._removed.append((self._head.sequence, removed_by(self._head.chain, value)))
            case b"retention":
                self._removed.append((self._head.sequence, removed_by(self._head.chain, value)))
            case b"interruption":
                self.report.gaps.append({"sequence": self._head.sequence, **value})
            case b"recovery":
                self._verify_recovery(value)
            case _:
                raise MalformedRecord(f"unknown record kind {kind.decode()}")

    def _verify_recovery(self, body: Mapping[str, Any]) -> None:
        """Verify a record that a start wrote after a crash."""
        assert self._head is not None
        sequence = self._head.sequence
        if (unsigned := unsigned_range(body)) is None:
            self.report.notes.append(f"record {sequence}: recovery after a crash removed an incomplete record")
            return
        after, last = unsigned
        signed = max(self._checkpoints, default=self.report.first - 1)
        if not after <= last < sequence or (after != signed and after >= self.report.first):
            raise MalformedRecord("the recovery record does not name the records that were unsigned")
        self.report.recovered.append({"sequence": sequence, "after": after, "last": last})

    def _verify_checkpoint(self, checkpoint: Checkpoint, path: Path, offset: int, line: bytes) -> None:
        assert self._head is not None
        sequence = self._head.sequence
        record = parse(line)
        if (checkpoint.head.sequence, checkpoint.head.hash) != (sequence - 1, record.previous):
            raise MalformedRecord("the checkpoint does not sign the previous record")
        self._trusted_keys.check(checkpoint, self._location(path, offset, sequence))
        self._checkpoints[sequence] = record.hash
        self.report.manifest_version = max(self.report.manifest_version, checkpoint.manifest)

    def _verify_beginning(self) -> None:
        """Check that records are missing at the beginning only if the chain says that retention removed them."""
        first = self.report.first
        removals = [removed for sequence, removed in self._removed if self._proves(sequence)]
        if first <= 1 and not removals:
            return
        location = self._location(segment_path(self._folder, first), 0, first)
        for removed in removals:
            if removed.sequence == first - 1 and removed.hash != self._previous_of_first:
                raise InvalidChain(location, "the record does not follow the last record that retention removed")
            if self._ends.get(removed.sequence, removed.hash) != removed.hash:
                what = f"record {removed.sequence} differs from the record that retention names"
                raise InvalidChain(location, what)
        if first > 1 and max((removed.sequence for removed in removals), default=0) < first - 1:
            what = f"records 1 to {first - 1} are missing, and no record says that retention removed them"
            raise InvalidChain(location, what)
        if first > 1:
            self.report.notes.append(f"retention removed records 1 to {first - 1}")

    def _proves(self, sequence: int) -> bool:
        """Return whether a run signed this record itself. Only then does it prove what retention removed.

        Older versions, whose chains name no manifest, removed segments before the record was signed.
        """
        if not self.report.journal:
            return True
        recovered = any(found["after"] < sequence <= found["last"] for found in self.report.recovered)
        return not recovered and sequence < max(self._checkpoints, default=0)

    def _verify_trust(self) -> None:
        """Check that the chain has records, and that a trusted key signed the last checkpoint."""
        if not self._last():
            raise InvalidChain(self._location(self._folder, 0, 1), "the chain has no records")
        if self._trusted_keys.untrusted is not None:
            key_id, location = self._trusted_keys.untrusted
            what = f"the checkpoint is signed with key {key_id}, and no trusted key signed a later checkpoint"
            if self._trusted_keys.changes:
                change = self._trusted_keys.changes[-1]
                what += f"; record {change['sequence']} changes the key from {change['from']} to {change['to']}"
            raise InvalidChain(location, what)
        if not self._trusted_keys.established and self._last() > self.report.first:
            location = self._location(segment_path(self._folder, self.report.first), 0, self.report.first)
            raise InvalidChain(location, "no checkpoint of the chain is signed with a trusted key")

    def _complete_report(self) -> None:
        report, matching = self.report, self._matching
        report.intents, report.outcomes, report.other_events = matching.intents, matching.outcomes, matching.others
        report.open = tuple(request.decode() for request in matching.open)
        report.checkpoints, report.key_changes = len(self._checkpoints), self._trusted_keys.changes
        if (last := self._last()) and self._head is not None:
            report.records = last - report.first + 1
            report.unsigned = last - max(self._checkpoints, default=report.first - 1)
            report.head = Receipt(self._head.chain, self._head.sequence, self._head.hash)

    def _last(self) -> int:
        """Return the sequence number of the last verified record; 0 if there is none."""
        return self._head.sequence if self._head is not None and self._head.sequence >= self.report.first else 0

    def _location(self, path: Path, offset: int, sequence: int) -> RecordLocation:
        return RecordLocation(str(path.relative_to(self._folder.parent)), offset, sequence)
