"""Room on the disk for the outcomes of calls that are in progress: a file of allocated blocks that nobody reads.

The intent holds the room before the upstream is called. When the disk is full, the file is made shorter by what an
outcome needs. The file grows in large steps, so that a call in the steady state costs no system call.
"""

import os
from pathlib import Path
from typing import Final

from gateway.journal.format.durable_files import FILE_MODE

_BLOCK: Final = 4096
_STEP: Final = 1 << 20
_MARGIN: Final = 16 * _BLOCK
"""Beyond what is held: blocks are given whole, and the file system needs some of its own."""


class Reserve:
    """`held`: what is promised to outcomes; never more than what is allocated, less the margin."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        status = os.fstat(self._file)
        # What a run before left, unless it was copied without its blocks.
        self._size = status.st_size if status.st_blocks * 512 >= status.st_size else 0
        self.held = 0

    def close(self) -> None:
        """The room stays on the disk, for the next start."""
        file, self._file = self._file, -1
        os.close(file)

    def hold(self, room: int) -> None:
        """Promise room to one more outcome; OSError where the disk has not got it."""
        if self.held + room + _MARGIN > self._size:
            self._allocate(self.held + room + _MARGIN)
        self.held += room

    def release(self, room: int) -> None:
        """The outcome is written, or never will be."""
        self.held -= room

    def restore(self) -> None:
        """At the start and after a shortage: allocate what is held and a step for what comes. OSError where that fails.

        It takes some more that it gives back at once: with the last room of the disk the shortage would soon be back.
        """
        size = self._step_beyond(self.held + _MARGIN)
        try:
            os.posix_fallocate(self._file, 0, size + _MARGIN)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        os.ftruncate(self._file, size)
        self._size = size

    def give(self, length: int) -> bool:
        """Free the blocks that a record of this length needs; False where nothing is left to free."""
        if self._size == 0:
            return False
        self._size = max(0, self._size - (length + _BLOCK - 1) // _BLOCK * _BLOCK)
        os.ftruncate(self._file, self._size)
        return True

    def _allocate(self, needed: int) -> None:
        """A step more than needed, or where the disk has not got that, what is needed alone."""
        for size in (self._step_beyond(needed), (needed + _BLOCK - 1) // _BLOCK * _BLOCK):
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

    def _step_beyond(self, needed: int) -> int:
        return max(self._size, (needed // _STEP + 1) * _STEP)
