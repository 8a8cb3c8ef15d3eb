"""Chains in the format of the journal, written without a journal, for tests of readers."""

import os
import time
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.keys import create_signing_key, load_signing_key, signing_key_path
from gateway.journal.format.records import NO_HASH, Kind, encode
from gateway.journal.format.segments import read_records, segment_path

CHAIN: Final = "gw-0123456789abcdef"


class ChainWriter:
    """Appends records to a chain folder, which it creates. lines: everything that it wrote. key: signs cursors."""

    def __init__(self, folder: Path, chain: str = CHAIN) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        key = signing_key_path(folder.parent, None)
        create_signing_key(key)
        self.key = load_signing_key(key)
        self._chain = chain
        self._hash = NO_HASH
        self._segment = 1
        self.lines: list[bytes] = []

    def append(self, count: int = 1, kind: Kind = "event", **members: Any) -> None:
        """Add records."""
        lines = [self._line(kind, members) for _ in range(count)]
        with self.path.open("ab", buffering=0) as file:
            file.write(b"".join(lines))

    def _line(self, kind: Kind, members: dict[str, Any]) -> bytes:
        body = {"time": int(time.time() * 1000), "metadata": {"event_code": "intent"}, **members}
        line, self._hash = encode(self._chain, len(self.lines) + 1, self._hash, kind, orjson.dumps(body))
        self.lines.append(line)
        return line

    def write(self, content: bytes) -> None:
        """Write bytes that are not a complete record."""
        with self.path.open("ab", buffering=0) as file:
            file.write(content)

    def rotate(self) -> None:
        """Continue in a new segment."""
        self._segment = len(self.lines) + 1
        self.append(kind="segment")

    def remove(self, first: int) -> None:
        """Remove a segment as retention does."""
        os.unlink(segment_path(self.folder, first))

    @property
    def path(self) -> Path:
        """The path of the open segment."""
        return segment_path(self.folder, self._segment)


def cursor_at_end(folder: Path) -> Cursor:
    """The cursor after the last record of a chain."""
    last = list(read_records(folder))[-1]
    return Cursor.after(last.record, last.end)
