"""Room on the disk for the outcomes of calls that are in progress: a file of allocated blocks that nobody reads.

The intent holds the room before the upstream is called. When the disk is full, the file is made shorter by what an
outcome needs. The file grows in large steps, so that a call in the steady state costs no system call.
"""

import os
from pathlib import Path
from typing import Final

from gateway.audit.durable_files import FILE_MODE

_BLOCK: Final = 4096
_STEP: Final = 1 << 20
_MARGIN: Final = 16 * _BLOCK
"""Beyond what is held: blocks are given whole, and the file system needs some of its own."""


class Reserve:
    """`held`: what is promised to outcomes; never more than what is allocated, less the margin."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        self._size = 0
        self.held = 0

    def close(self) -> None:
        """The room stays on the disk, for the next start."""
        os.close(self._file)

    def hold(self, room: int) -> None:
        """Promise room to one more outcome; OSError where the disk has not got it."""
        if self.held + room + _MARGIN > self._size:
            self._allocate(self.held + room + _MARGIN)
        self.held += room

    def release(self, room: int) -> None:
        """The outcome is written, or never will be."""
        self.held -= room

    def restore(self) -> None:
        """After a shortage: allocate what is held again, and a step for what comes; OSError where that fails."""
        self._allocate(self.held + _MARGIN)

    def give(self, length: int) -> bool:
        """Free the blocks that a record of this length needs; False where nothing is left to free."""
        if self._size == 0:
            return False
        self._size = max(0, self._size - (length + _BLOCK - 1) // _BLOCK * _BLOCK)
        os.ftruncate(self._file, self._size)
        return True

    def _allocate(self, needed: int) -> None:
        """A step more than needed, or where the disk has not got that, what is needed alone."""
        for size in ((needed // _STEP + 1) * _STEP, (needed + _BLOCK - 1) // _BLOCK * _BLOCK):
            try:
                os.posix_fallocate(self._file, 0, size)
            except OSError as error:
                failure = error
                # A failed attempt may keep what it got.
                os.ftruncate(self._file, self._size)
            else:
                self._size = max(self._size, size)
                return
        raise failure
