"""Verifying the copies of a chain's checkpoints: whatever was signed and kept must still be in the chain."""

from collections.abc import Mapping
from pathlib import Path

from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.hash_chain import Links, is_torn
from gateway.journal.format.records import MalformedRecord, parse
from gateway.journal.format.segments import CHECKPOINTS
from gateway.journal.verify.report import Bad, Place
from gateway.journal.verify.trusted_keys import Trust


class CopyVerification:
    """links: the head of the chain, None where there is no record. checkpoints: the chain's own, hash by sequence."""

    def __init__(self, folder: Path, links: Links | None, checkpoints: Mapping[int, str], trust: Trust) -> None:
        self._file = f"{folder.name}/{CHECKPOINTS}"
        self._links = links
        self._checkpoints = checkpoints
        self._first = min(checkpoints, default=0)
        self._trust = trust

    def run(self, content: bytes) -> int:
        """How many there are. Bad."""
        *lines, rest = content.split(b"\n")
        offset, sequence = 0, 0
        for line in lines:
            try:
                sequence = self._verify(line + b"\n")
            except MalformedRecord as error:
                raise Bad(Place(self._file, offset, sequence + 1), str(error)) from None
            offset += len(line) + 1
        # What a crash cut off is no fault; but a whole copy whose end was altered is no such thing.
        if rest and not is_torn(rest, None):
            raise Bad(Place(self._file, offset, sequence + 1), "the copy at the end was altered")
        return len(lines)

    def _verify(self, line: bytes) -> int:
        record = parse(line)
        if not record.intact:
            raise MalformedRecord("its content is not what its hash was made of")
        checkpoint = Checkpoint.from_body(record.chain, record.value())
        if self._links is None or record.chain != self._links.chain:
            raise MalformedRecord(f"it is of chain {record.chain}, which is gone")
        if record.sequence > self._links.sequence:
            raise MalformedRecord(
                f"the chain ends with record {self._links.sequence}, before this checkpoint that was kept"
            )
        if record.sequence < self._first:
            # Its segment is removed; its key may be too.
            if self._trust.knows(checkpoint.key_id):
                self._trust.check_signature(checkpoint)
        elif self._checkpoints.get(record.sequence) != record.hash:
            raise MalformedRecord(f"the chain has another record {record.sequence} than this checkpoint")
        return record.sequence
