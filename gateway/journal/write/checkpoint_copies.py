"""Copies of a chain's checkpoints, in a file next to its segments.

A checkpoint is copied after it is durable in the chain. No caller waits for that.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.journal.format.checkpoints import append_copies, read_copies
from gateway.journal.format.durable_files import replace
from gateway.journal.format.records import MalformedRecord, parse
from gateway.journal.format.segments import CHECKPOINTS

_MAXIMUM_BYTES: Final = 1 << 18


class CheckpointCopies:
    """The file of copies of the chain in `folder`. Only one thread changes it at a time.

    run: runs a function on a thread.
    """

    def __init__(self, folder: Path, run: Callable[[Callable[[], None]], None]) -> None:
        self._folder = folder
        self._run = run
        self._file_lock = threading.Lock()
        self._uncopied: list[tuple[int, bytes]] = []
        self._durable = 0
        self._copying = False
        self._state_lock = threading.Lock()

    def add(self, line: bytes, sequence: int) -> None:
        """Add a checkpoint that is not durable yet."""
        self._uncopied.append((sequence, line))

    def copy_until(self, sequence: int) -> None:
        """Copy the checkpoints up to `sequence`, which are durable now. If that fails, a later call copies them.

        If a copy is in progress, it continues with them.
        """
        self._durable = sequence
        if not self._uncopied:
            return
        with self._state_lock:
            if self._copying or not self._durable_lines():
                return
            self._copying = True
        self._run(self._copy)

    def finish(self, sequence: int) -> None:
        """Copy the checkpoints up to `sequence` on this thread, when no other thread copies any more."""
        self._durable = sequence
        self._copy()

    def _copy(self) -> None:
        """Copy until no durable checkpoint is left."""
        with contextlib.suppress(OSError):
            while lines := self._next():
                self._append(lines)
                del self._uncopied[: len(lines)]
            return
        with self._state_lock:
            self._copying = False

    def _next(self) -> list[bytes]:
        """Return the checkpoints to copy next. Without any, the copy ends."""
        with self._state_lock:
            lines = self._durable_lines()
            self._copying = bool(lines)
            return lines

    def _durable_lines(self) -> list[bytes]:
        return [line for at, line in self._uncopied if at <= self._durable]

    def _append(self, lines: list[bytes]) -> None:
        """Append copies durably.

        If the file is large, only the newest copy remains: it shows as well as all of them where the chain must reach.
        """
        with self._file_lock:
            if lines and append_copies(self._folder, lines) > _MAXIMUM_BYTES:
                replace(self._folder / CHECKPOINTS, lines[-1])

    def remove_until(self, sequence: int) -> None:
        """Remove the copies of checkpoints up to this record, after retention removed the checkpoints themselves.

        Blocks; may run on any thread. Raises OSError.
        """
        with self._file_lock:
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
