"""Verification of checkpoint copies: every copied checkpoint must still be in the chain."""

from collections.abc import Mapping
from pathlib import Path

from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.hash_chain import ALTERED, HashChain, is_torn
from gateway.journal.format.records import MalformedRecord, parse
from gateway.journal.format.segments import CHECKPOINTS
from gateway.journal.verify.report import InvalidChain, RecordLocation
from gateway.journal.verify.trusted_keys import TrustedKeys


class CopyVerification:
    """head: the head of the chain, or None if it has no record. checkpoints: hashes of its checkpoints by sequence."""

    def __init__(
        self, folder: Path, head: HashChain | None, checkpoints: Mapping[int, str], trusted_keys: TrustedKeys
    ) -> None:
        self._file = f"{folder.name}/{CHECKPOINTS}"
        self._head = head
        self._checkpoints = checkpoints
        self._first = min(checkpoints, default=0)
        self._trusted_keys = trusted_keys

    def run(self, content: bytes) -> int:
        """Verify the content of the file; return the number of copies. Raises InvalidChain."""
        *lines, rest = content.split(b"\n")
        offset, sequence = 0, 0
        for line in lines:
            try:
                sequence = self._verify(line + b"\n")
            except MalformedRecord as error:
                raise InvalidChain(RecordLocation(self._file, offset, sequence + 1), str(error)) from None
            offset += len(line) + 1
        # A crash may leave the start of a copy. A complete copy with an altered end is an error.
        if rest and not is_torn(rest, None):
            location = RecordLocation(self._file, offset, sequence + 1)
            raise InvalidChain(location, "the end of the last copy was altered")
        return len(lines)

    def _verify(self, line: bytes) -> int:
        record = parse(line)
        if not record.intact:
            raise MalformedRecord(ALTERED)
        checkpoint = Checkpoint.from_body(record.chain, record.value())
        if self._head is None or record.chain != self._head.chain:
            raise MalformedRecord(f"the copy belongs to chain {record.chain}, which no longer exists")
        if record.sequence > self._head.sequence:
            raise MalformedRecord(f"the chain ends with record {self._head.sequence}, before this copied checkpoint")
        if record.sequence < self._first:
            # Retention removed the segment of this checkpoint, and perhaps the record that names its key.
            if self._trusted_keys.knows(checkpoint.key_id):
                self._trusted_keys.check_signature(checkpoint)
        elif self._checkpoints.get(record.sequence) != record.hash:
            raise MalformedRecord(f"record {record.sequence} of the chain differs from this copied checkpoint")
        return record.sequence
