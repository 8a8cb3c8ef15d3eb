"""Verifying one chain: its segments, link by link; its checkpoints and their copies; what retention removed."""

from collections.abc import Sequence
from pathlib import Path

from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import Checkpoint, read_copies
from gateway.journal.format.hash_chain import Links, is_torn
from gateway.journal.format.keys import VerifyingKey
from gateway.journal.format.payloads import removed_by
from gateway.journal.format.records import MalformedRecord, Receipt, decode_body, parse
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.verify.copy_verification import CopyVerification
from gateway.journal.verify.intent_matching import Pairing
from gateway.journal.verify.report import Bad, ChainReport, Place, Problem
from gateway.journal.verify.trusted_keys import Trust
from gateway.journal.write.recovery import check_first


class ChainVerification:
    """One run over a chain; `report` is filled as it goes on."""

    def __init__(self, folder: Path, keys: Sequence[VerifyingKey], expected: Sequence[Receipt]) -> None:
        self._folder = folder
        self._expected = {receipt.sequence: receipt for receipt in expected}
        self._trust = Trust(keys)
        self._pairing = Pairing()
        self._checkpoints: dict[int, str] = {}
        self._ends: dict[int, str] = {}
        self._removed: list[Receipt] = []
        self._links: Links | None = None
        self._previous_of_first = ""
        self.report = ChainReport(folder.name)

    def run(self) -> ChainReport:
        """Verify; the report tells what came of it. FileNotFoundError where a segment went away in the meantime."""
        # Read before the chain: what is in the copies is in the chain already, while a gateway writes both.
        copies = read_copies(self._folder)
        try:
            starts = segment_starts(self._folder)
            for start in starts:
                self._verify_segment(start, newest=start == starts[-1])
            self._verify_beginning()
            self.report.copies = CopyVerification(self._folder, self._links, self._checkpoints, self._trust).run(copies)
            self._verify_trust()
            self._verify_expected()
        except Bad as bad:
            self.report.problem = Problem(*bad.place, bad.what)
        self._sum_up()
        return self.report

    def _verify_segment(self, start: int, *, newest: bool) -> None:
        path = segment_path(self._folder, start)
        links = self._links
        if links is not None and links.sequence + 1 != start:
            what = f"records {links.sequence + 1} to {start - 1} are missing before this segment"
            raise Bad(self._place(path, 0, links.sequence + 1), what)
        self.report.segments += 1
        with path.open("rb") as file:
            offset = 0
            for line in file:
                if links is None and line.endswith(b"\n"):
                    links = self._begin(path, start, line)
                if not self._verify_record(path, offset, line, newest=newest):
                    return
                offset += len(line)
        if links is not None:
            self._ends[links.sequence] = links.hash

    def _verify_record(self, path: Path, offset: int, line: bytes, *, newest: bool) -> bool:
        """Whether it is one, and not the beginning of one."""
        links = self._links
        if links is None:
            self._verify_end(path, offset, line, newest=newest)
            return False
        sequence = links.sequence + 1
        try:
            kind, body = links.follow(line)
            if kind == b"event" and offset:
                self._pairing.add(body)
            else:
                self._verify_own(kind, body, path, offset, line)
        except MalformedRecord as error:
            if not line.endswith(b"\n"):
                self._verify_end(path, offset, line, newest=newest)
                return False
            raise Bad(self._place(path, offset, sequence), str(error)) from None
        if self._expected and sequence in self._expected:
            self._verify_receipt(links, path, offset)
        return True

    def _begin(self, path: Path, start: int, line: bytes) -> Links:
        try:
            first = parse(line)
            check_first(path, first, None)
        except MalformedRecord as error:
            raise Bad(self._place(path, 0, start), str(error)) from None
        except JournalCorrupt as error:
            raise Bad(self._place(path, 0, start), error.problem) from None
        self._previous_of_first = first.previous
        self.report.chain, self.report.first = first.chain, start
        self._links = Links(first.chain, start - 1, first.previous)
        return self._links

    def _verify_end(self, path: Path, offset: int, rest: bytes, *, newest: bool) -> None:
        """A last line without its end: a crash leaves the beginning of a record, and only in the newest segment."""
        links = self._links
        place = self._place(path, offset, links.sequence + 1 if links is not None else 1)
        if not is_torn(rest, links.opening() if links is not None else None):
            raise Bad(place, "the record at the end was altered")
        if not newest:
            raise Bad(place, "the record is cut off, and records follow it in another segment")
        self.report.notes.append(
            f"{place.file}: byte {offset}: the beginning of a record that is being written, or that a crash cut off"
        )

    def _verify_own(self, kind: bytes, body: bytes, path: Path, offset: int, line: bytes) -> None:
        """A record of the journal's own."""
        assert self._links is not None
        value = decode_body(body)
        if (kind == b"segment") != (offset == 0):
            raise MalformedRecord("a segment does not begin there" if offset else "it does not head the segment")
        match kind:
            case b"checkpoint":
                self._verify_checkpoint(Checkpoint.from_body(self._links.chain, value), path, offset, line)
            case b"segment":
                self._trust.name(value)
                if self._links.sequence == self.report.first:
                    self._pairing.begin([entry["request"] for entry in value.get("open", [])])
                if "removed" in value:
                    self._removed.append(removed_by(self._links.chain, value))
            case b"retention":
                self._removed.append(removed_by(self._links.chain, value))
            case b"interruption":
                self.report.gaps.append({"sequence": self._links.sequence, **value})
            case b"recovery":
                self.report.notes.append(f"record {self._links.sequence}: a start cut off what a crash had left")
            case _:
                raise MalformedRecord(f"nothing is known of records of kind {kind.decode()}")

    def _verify_checkpoint(self, checkpoint: Checkpoint, path: Path, offset: int, line: bytes) -> None:
        assert self._links is not None
        sequence = self._links.sequence
        record = parse(line)
        if (checkpoint.head.sequence, checkpoint.head.hash) != (sequence - 1, record.previous):
            raise MalformedRecord("the head that it signs is not the record before it")
        self._trust.check(checkpoint, self._place(path, offset, sequence))
        self._checkpoints[sequence] = record.hash

    def _verify_beginning(self) -> None:
        """That records are missing at the beginning only where the chain says that retention removed them."""
        first = self.report.first
        if first <= 1 and not self._removed:
            return
        place = self._place(segment_path(self._folder, first), 0, first)
        for removed in self._removed:
            if removed.sequence == first - 1 and removed.hash != self._previous_of_first:
                raise Bad(place, "its predecessor is not the record that retention removed")
            if self._ends.get(removed.sequence, removed.hash) != removed.hash:
                raise Bad(place, f"retention names another record {removed.sequence} than the chain has")
        if first > 1 and max((removed.sequence for removed in self._removed), default=0) < first - 1:
            raise Bad(place, f"records 1 to {first - 1} are missing, and no record tells that retention removed them")
        if first > 1:
            self.report.notes.append(f"records 1 to {first - 1} were removed by retention")

    def _verify_trust(self) -> None:
        """That there is something to trust, and that a trusted key has the last word."""
        if not self._last():
            raise Bad(self._place(self._folder, 0, 1), "there is no record: all were removed, or none was ever written")
        if self._trust.unvouched is not None:
            key_id, place = self._trust.unvouched
            raise Bad(place, f"it is signed with key {key_id}, which no trusted key vouches for")
        if not self._trust.established and self._last() > self.report.first:
            place = self._place(segment_path(self._folder, self.report.first), 0, self.report.first)
            raise Bad(place, "no checkpoint of the chain is signed with a trusted key")

    def _verify_receipt(self, links: Links, path: Path, offset: int) -> None:
        receipt = self._expected.pop(links.sequence)
        if receipt.hash != links.hash:
            raise Bad(self._place(path, offset, links.sequence), "it is not the record that the receipt was given for")

    def _verify_expected(self) -> None:
        """Receipts that no record was met for: the chain was rolled back, unless retention removed their records."""
        for sequence, receipt in sorted(self._expected.items()):
            if receipt.chain != self.report.chain:
                continue
            if sequence >= self.report.first:
                place = self._place(self._folder, 0, sequence)
                raise Bad(place, "there is a receipt for it, but the chain ends before it: it was rolled back")
            self.report.notes.append(f"record {sequence}, of which there is a receipt, was removed by retention")

    def _sum_up(self) -> None:
        report, pairing = self.report, self._pairing
        report.intents, report.outcomes, report.other_events = pairing.intents, pairing.outcomes, pairing.others
        report.open = tuple(request.decode() for request in pairing.open)
        report.checkpoints = len(self._checkpoints)
        if (last := self._last()) and self._links is not None:
            report.records = last - report.first + 1
            report.unsigned = last - max(self._checkpoints, default=report.first - 1)
            report.head = Receipt(self._links.chain, self._links.sequence, self._links.hash)

    def _last(self) -> int:
        """The last record that verified; 0 where there is none."""
        return self._links.sequence if self._links is not None and self._links.sequence >= self.report.first else 0

    def _place(self, path: Path, offset: int, sequence: int) -> Place:
        return Place(str(path.relative_to(self._folder.parent)), offset, sequence)
