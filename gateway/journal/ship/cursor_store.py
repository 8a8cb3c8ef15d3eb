"""The cursor of a chain during shipping: stored in its file, and in memory while the file can't be written.

Without the copy in memory, the shipper would send the same records repeatedly while the disk is full.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.journal.format import cursor as cursor_file
from gateway.journal.format.cursor import Cursor


class CursorStore:
    """The cursor of one chain. failed: called with the error if the file can't be written."""

    def __init__(self, folder: Path, failed: Callable[[OSError], None]) -> None:
        self._folder = folder
        self._failed = failed
        self._unwritten: Cursor | None = None

    async def load(self) -> Cursor | None:
        """Return the cursor; None if nothing was shipped yet. Raises CursorError, OSError."""
        return self._unwritten or await asyncio.to_thread(cursor_file.load, self._folder)

    async def save(self, cursor: Cursor) -> None:
        """Move the cursor."""
        self._unwritten = cursor
        try:
            await asyncio.to_thread(cursor_file.store, self._folder, cursor)
        except OSError as error:
            self._failed(error)
        else:
            self._unwritten = None
