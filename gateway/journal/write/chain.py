"""One chain being written: its head, and the segment that is open. A write that fails leaves nothing half-written.

Not responsible for when records become durable, nor for which records there are.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.journal.format.durable_files import FILE_MODE
from gateway.journal.format.records import Kind, Receipt, encode
from gateway.journal.format.segments import segment_path

_LIMIT_OF_PARTS: Final = 3
_PIECE_BYTES: Final = 1 << 20


class OpenSegment:
    """The segment that records are appended to; it knows its own size, and never looks at the file's.

    named: whether its name is durable in its folder. torn: a failed write left something after `size`.
    """

    def __init__(self, folder: Path, first: int, *, size: int = 0, create: bool = False) -> None:
        self.path = segment_path(folder, first)
        self.first = first
        self.size = size
        self.named = not create
        self.torn = False
        self.file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0), FILE_MODE)

    def append(self, line: bytes) -> None:
        """Write one line, or several; OSError, and nothing of it in the file, where it can't be written wholly."""
        if self.torn:
            self.cut()
        try:
            written = os.pwrite(self.file, line, self.size)
            if written != len(line):
                self._write_rest(line, written)
        except OSError:
            self.torn = True
            self.cut_if_possible()
            raise
        self.size += len(line)

    def write_again(self, start: int, end: int, content: bytes = b"") -> None:
        """Have these bytes of the file really written, whatever became of them. content: those, if still at hand."""
        while start < end:
            piece = content[:_PIECE_BYTES] or os.pread(self.file, min(_PIECE_BYTES, end - start), start)
            if not piece:
                raise OSError(5, "Input/output error", str(self.path))
            written = os.pwrite(self.file, piece, start)
            content = content[written:]
            start += written

    @property
    def in_its_folder(self) -> bool:
        """Whether it has a name still: what nobody can find is no record."""
        return os.fstat(self.file).st_nlink > 0

    def cut(self) -> None:
        """Take away what stands after the last record."""
        os.ftruncate(self.file, self.size)
        self.torn = False

    def cut_if_possible(self) -> None:
        """Otherwise the next append begins with it, or the next start."""
        try:
            self.cut()
        except OSError:
            self.torn = True

    def close(self) -> None:
        """No more records: a late one fails, and goes into no file that has got the number since."""
        file, self.file = self.file, -1
        os.close(file)

    def _write_rest(self, line: bytes, written: int) -> None:
        """A short write is the disk's last room; the next one tells why."""
        for _ in range(_LIMIT_OF_PARTS):
            written += os.pwrite(self.file, line[written:], self.size + written)
            if written == len(line):
                return
        raise OSError(5, "Input/output error", str(self.path))


class Chain:
    """The head of a chain and its open segment. `receipt` names the last record."""

    def __init__(self, folder: Path, chain: str, sequence: int, digest: str, segment: OpenSegment | None) -> None:
        self.folder = folder
        self.id = chain
        self.sequence = sequence
        self.hash = digest
        self.bytes_written = 0
        self._segment = segment

    @property
    def receipt(self) -> Receipt:
        """Of the last record."""
        return Receipt(self.id, self.sequence, self.hash)

    @property
    def segment(self) -> OpenSegment:
        """The one that takes the records."""
        assert self._segment is not None
        return self._segment

    def append(self, kind: Kind, body: bytes) -> tuple[Receipt, bytes]:
        """Add a record; its receipt, and its line. OSError where it can't be written: the chain stays as it was."""
        sequence = self.sequence + 1
        line, digest = encode(self.id, sequence, self.hash, kind, body)
        self._write(line, sequence, digest)
        return Receipt(self.id, sequence, digest), line

    def append_all(self, kind: Kind, bodies: Iterable[bytes]) -> tuple[Sequence[Receipt], bytes]:
        """Add records in one write; their receipts, and their lines together. OSError: none of them was added."""
        sequence, digest = self.sequence, self.hash
        receipts, lines = [], []
        for body in bodies:
            sequence += 1
            line, digest = encode(self.id, sequence, digest, kind, body)
            lines.append(line)
            receipts.append(Receipt(self.id, sequence, digest))
        written = b"".join(lines)
        self._write(written, sequence, digest)
        return receipts, written

    def _write(self, lines: bytes, sequence: int, digest: str) -> None:
        self.segment.append(lines)
        self.sequence, self.hash = sequence, digest
        self.bytes_written += len(lines)

    def begin_segment(self, body: bytes) -> tuple[OpenSegment | None, bytes]:
        """Go on in a new segment, headed by a record with this body; the segment before, and the head's line.

        OSError where that can't be: then the old one is still open.
        """
        before = self._segment
        segment = OpenSegment(self.folder, self.sequence + 1, create=True)
        try:
            self._segment = segment
            _, line = self.append("segment", body)
        except OSError:
            self._segment = before
            segment.close()
            segment.path.unlink()
            raise
        return before, line


def new_chain_id() -> str:
    """An id that no other chain has."""
    return f"gw-{secrets.token_hex(8)}"
