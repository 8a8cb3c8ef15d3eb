"""The cursor of a chain during shipping: stored in its signed file, and in memory while the file can't be written.

Without the copy in memory, the shipper would send the same records repeatedly while the disk is full. A cursor in the
file is ignored if neither the signing key signed it nor this process wrote it. Then shipping begins with the oldest
record.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.config.base import ConfigError
from gateway.journal.errors import DISK_FULL
from gateway.journal.format import cursor as cursor_file
from gateway.journal.format import manifest as manifests
from gateway.journal.format.cursor import Cursor, CursorError
from gateway.journal.format.keys import SigningKey, load_signing_key
from gateway.journal.format.manifest import MalformedManifest
from gateway.journal.ship.spare_space import SpareSpace


class CursorStore:
    """The cursor of one chain.

    signing_key: the file of the key. It is read each time, because the key can change while the shipper runs.

    failed: called with the error if the cursor can't be written. untrusted: called with the reason if the cursor in the
    file is ignored.
    """

    def __init__(
        self,
        folder: Path,
        signing_key: Path,
        *,
        failed: Callable[[OSError], None],
        untrusted: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._signing_key = signing_key
        self._failed = failed
        self._untrusted = untrusted
        self._spare = SpareSpace(folder)
        self._unwritten: Cursor | None = None
        self._written: Cursor | None = None

    async def prepare(self) -> None:
        """Allocate the spare space for the cursor. Call it at the start, while the disk is not full yet."""
        await asyncio.to_thread(self._spare.allocate)

    async def load(self) -> Cursor | None:
        """Return the cursor; None if nothing was shipped yet, or if the file is not trusted.

        Raises CursorError or OSError.
        """
        return self._unwritten or await asyncio.to_thread(self._load)

    async def save(self, cursor: Cursor) -> None:
        """Move the cursor."""
        self._unwritten = cursor
        try:
            await asyncio.to_thread(self._store, cursor)
        except OSError as error:
            self._failed(error)
        else:
            self._unwritten, self._written = None, cursor

    def _load(self) -> Cursor | None:
        if (file := cursor_file.load(self._folder)) is None:
            return None
        key = self._key()
        if file.cursor == self._written or (key is not None and file.signed_by(key.public)):
            return file.cursor
        if key is not None and self._waits_for_adoption(file, key):
            raise CursorError("the gateway has not adopted the changed signing key yet")
        self._untrusted("the cursor is not signed with the signing key; shipping begins with the oldest record")
        return None

    def _waits_for_adoption(self, file: cursor_file.CursorFile, key: SigningKey) -> bool:
        """Return whether the file contains a new key. When the gateway adopts that, it signs the cursor again."""
        try:
            manifest = manifests.load(self._folder.parent)
        except MalformedManifest:
            return False
        return manifest is not None and manifest.key.id != key.public.id and file.signed_by(manifest.key)

    def _store(self, cursor: Cursor) -> None:
        key = self._key()
        try:
            cursor_file.store(self._folder, cursor, key)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            self._spare.release()
            cursor_file.store(self._folder, cursor, key)
        else:
            self._spare.allocate()

    def _key(self) -> SigningKey | None:
        """Return the signing key; None if it can't be read. Then the cursor is valid only while this process runs."""
        try:
            return load_signing_key(self._signing_key)
        except (OSError, ConfigError):
            return None
