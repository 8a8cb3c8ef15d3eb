"""The chain that is being written: its head, and its open segment. A failed write leaves no partial record.

Decides neither when records become durable nor what they contain.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.journal.format.records import Kind, Receipt, encode
from gateway.journal.format.regular_files import open_file
from gateway.journal.format.segments import segment_path

_MAXIMUM_SHORT_WRITES: Final = 3
_REWRITE_BYTES: Final = 1 << 20


class OpenSegment:
    """The segment that records are appended to. It tracks its size itself, and never reads it from the file.

    name_durable: whether the folder entry is durable. torn: whether a failed write left bytes after `size`.
    """

    def __init__(self, folder: Path, first: int, *, size: int = 0, create: bool = False) -> None:
        self.path = segment_path(folder, first)
        self.first = first
        self.size = size
        self.name_durable = not create
        self.torn = False
        self.file = open_file(self.path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0))

    def append(self, lines: bytes) -> None:
        """Write one or more lines. On OSError none of them is in the file."""
        if self.torn:
            self.cut()
        try:
            written = os.pwrite(self.file, lines, self.size)
            if written != len(lines):
                self._write_rest(lines, written)
        except OSError:
            self.torn = True
            self.cut_if_possible()
            raise
        self.size += len(lines)

    def write_again(self, start: int, end: int, content: bytes = b"") -> None:
        """Write these bytes of the file again. content: the bytes; if empty, they are read from the file."""
        while start < end:
            piece = content[:_REWRITE_BYTES] or os.pread(self.file, min(_REWRITE_BYTES, end - start), start)
            if not piece:
                raise OSError(5, "Input/output error", str(self.path))
            written = os.pwrite(self.file, piece, start)
            content = content[written:]
            start += written

    @property
    def in_place(self) -> bool:
        """Whether the file still has its name. No reader finds the records in a file that was deleted or moved away."""
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return os.path.samestat(named, os.fstat(self.file))

    def cut(self) -> None:
        """Remove the bytes after the last record."""
        os.ftruncate(self.file, self.size)
        self.torn = False

    def cut_if_possible(self) -> None:
        """As `cut`; on an error, the next append or the next start does it."""
        try:
            self.cut()
        except OSError:
            self.torn = True

    def close(self) -> None:
        """Close the file. A later append fails, and can't write to another file that got the same descriptor."""
        file, self.file = self.file, -1
        os.close(file)

    def _write_rest(self, lines: bytes, written: int) -> None:
        """Continue after a short write, which means that the disk is nearly full. The next write reports the error."""
        for _ in range(_MAXIMUM_SHORT_WRITES):
            written += os.pwrite(self.file, lines[written:], self.size + written)
            if written == len(lines):
                return
        raise OSError(5, "Input/output error", str(self.path))


class Chain:
    """The head of a chain, and its open segment. `receipt` identifies the last record."""

    def __init__(self, folder: Path, chain: str, sequence: int, digest: str, segment: OpenSegment | None) -> None:
        self.folder = folder
        self.id = chain
        self.sequence = sequence
        self.hash = digest
        self.bytes_written = 0
        self._segment = segment

    @property
    def receipt(self) -> Receipt:
        """The receipt of the last record."""
        return Receipt(self.id, self.sequence, self.hash)

    @property
    def segment(self) -> OpenSegment:
        """The segment that takes the next records."""
        assert self._segment is not None
        return self._segment

    def append(self, kind: Kind, body: bytes) -> tuple[Receipt, bytes]:
        """Write a record; return its receipt and its line. On OSError the chain is unchanged."""
        sequence = self.sequence + 1
        line, digest = encode(self.id, sequence, self.hash, kind, body)
        self._write(line, sequence, digest)
        return Receipt(self.id, sequence, digest), line

    def append_all(self, kind: Kind, bodies: Iterable[bytes]) -> tuple[Sequence[Receipt], bytes]:
        """Write records in one write; return their receipts and their lines. On OSError the chain is unchanged."""
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

    def begin_segment(self, body: bytes) -> tuple[OpenSegment | None, bytes]:
        """Begin a new segment, with this body in its first record; return the previous segment and the record's line.

        On OSError the previous segment stays open.
        """
        previous = self._segment
        segment = OpenSegment(self.folder, self.sequence + 1, create=True)
        try:
            self._segment = segment
            _, line = self.append("segment", body)
        except OSError:
            self._segment = previous
            segment.close()
            segment.path.unlink()
            raise
        return previous, line

    def _write(self, lines: bytes, sequence: int, digest: str) -> None:
        self.segment.append(lines)
        self.sequence, self.hash = sequence, digest
        self.bytes_written += len(lines)


def new_chain_id() -> str:
    """Return a unique chain id."""
    return f"gw-{secrets.token_hex(8)}"
