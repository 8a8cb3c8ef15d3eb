"""The cursor of a chain as the shipper moves it: kept in its file, and in memory while the file can't be written.

A disk that is full must not make the shipper send the same records again and again.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.journal.format.cursor import Cursor, load, store


class Bookmark:
    """failed: told why the file could not be written."""

    def __init__(self, folder: Path, failed: Callable[[OSError], None]) -> None:
        self._folder = folder
        self._failed = failed
        self._unwritten: Cursor | None = None

    async def place(self) -> Cursor | None:
        """Where it is; None at the beginning of what there is. CursorError, OSError."""
        return self._unwritten or await asyncio.to_thread(load, self._folder)

    async def put(self, cursor: Cursor) -> None:
        """Move it."""
        self._unwritten = cursor
        try:
            await asyncio.to_thread(store, self._folder, cursor)
        except OSError as error:
            self._failed(error)
        else:
            self._unwritten = None
