"""Spare space for the shipping cursor: allocated blocks that are freed when the disk is full.

On a full disk, the gateway removes segments only after the cursor says that they are shipped, so that must be written.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from gateway.journal.format.durable_files import FILE_MODE

_NAME: Final = "cursor.reserve"
_BYTES: Final = 4 * 4096


class SpareSpace:
    """The file of spare blocks in the folder of a chain. Blocks; may run on any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def allocate(self) -> None:
        """Allocate the blocks, unless the file exists or the disk has no space."""
        with contextlib.suppress(OSError):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                os.posix_fallocate(file, 0, _BYTES)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(file)

    def release(self) -> None:
        """Free the blocks."""
        with contextlib.suppress(OSError):
            self._path.unlink()
