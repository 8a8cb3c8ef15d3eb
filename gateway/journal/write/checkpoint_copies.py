"""Copies of a chain's checkpoints, in a file next to its segments. All methods block and can run on any thread."""

import threading
from collections.abc import Sequence
from pathlib import Path

from gateway.journal.format.checkpoints import append_copies, read_copies
from gateway.journal.format.durable_files import replace
from gateway.journal.format.records import MalformedRecord, parse
from gateway.journal.format.segments import CHECKPOINTS


class CheckpointCopies:
    """The file of copies of the chain in `folder`. Only one thread changes it at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, lines: Sequence[bytes]) -> None:
        """Add copies, durably. Raises OSError."""
        with self._lock:
            append_copies(self._folder, lines)

    def remove_until(self, sequence: int) -> None:
        """Remove the copies of checkpoints up to this record, after retention removed the checkpoints themselves."""
        with self._lock:
            lines = read_copies(self._folder).splitlines(keepends=True)
            kept = [line for line in lines if _sequence(line) > sequence]
            if len(kept) < len(lines):
                replace(self._folder / CHECKPOINTS, b"".join(kept))


def _sequence(line: bytes) -> int:
    """Return the sequence number of a copy. A malformed line is kept, so that verification reports it."""
    try:
        return parse(line).sequence
    except MalformedRecord:
        return 1 << 63
