"""The disk space reserve for outcomes of calls in flight: a file of allocated blocks that is never read.

An intent reserves space before the upstream is called. On a full disk, the file is truncated by what an outcome needs.
The file grows in large steps, so that a call in the steady state costs no system call.
"""

import os
from pathlib import Path
from typing import Final

from gateway.journal.format.regular_files import open_file

_BLOCK: Final = 4096
_STEP: Final = 1 << 20
_MARGIN: Final = 16 * _BLOCK
"""Bytes allocated in addition, because space is freed in whole blocks, and the file system needs some itself."""


class Reserve:
    """The reserve file. held: bytes reserved for outcomes; never more than the allocated bytes minus the margin."""

    def __init__(self, path: Path) -> None:
        self._file = open_file(path, os.O_RDWR | os.O_CREAT)
        status = os.fstat(self._file)
        # Reuse the blocks of an earlier run, unless the file was copied as a sparse file.
        self._size = status.st_size if status.st_blocks * 512 >= status.st_size else 0
        self.held = 0

    def close(self) -> None:
        """Close the file. The blocks stay allocated for the next start."""
        file, self._file = self._file, -1
        os.close(file)

    def hold(self, room: int) -> None:
        """Reserve `room` bytes for one more outcome. Raises OSError if the disk is full."""
        if self.held + room + _MARGIN > self._size:
            self._allocate(self.held + room + _MARGIN)
        self.held += room

    def release(self, room: int) -> None:
        """End a reservation of `room` bytes, after the outcome was written or the intent failed."""
        self.held -= room

    def restore(self) -> None:
        """Allocate the reserved bytes and one step more, at the start and after a full disk. Raises OSError.

        It also allocates the margin and frees it again: otherwise the journal could become available with the last
        free blocks of the disk, and soon be unavailable again.
        """
        size = self._step_beyond(self.held + _MARGIN)
        try:
            os.posix_fallocate(self._file, 0, size + _MARGIN)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        os.ftruncate(self._file, size)
        self._size = size

    def free_blocks(self, length: int) -> bool:
        """Free the blocks that a record of this length needs. Returns False if nothing is left to free."""
        if self._size == 0:
            return False
        self._size = max(0, self._size - (length + _BLOCK - 1) // _BLOCK * _BLOCK)
        os.ftruncate(self._file, self._size)
        return True

    def _allocate(self, needed: int) -> None:
        """Allocate a step more than needed; if the disk has too little for that, exactly what is needed."""
        for size in (self._step_beyond(needed), (needed + _BLOCK - 1) // _BLOCK * _BLOCK):
            try:
                os.posix_fallocate(self._file, 0, size)
            except OSError as error:
                failure = error
                # A failed allocation may keep some blocks.
                os.ftruncate(self._file, self._size)
            else:
                self._size = max(self._size, size)
                return
        raise failure

    def _step_beyond(self, needed: int) -> int:
        return max(self._size, (needed // _STEP + 1) * _STEP)
