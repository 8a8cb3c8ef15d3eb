"""Chains in the format of the journal, written without a journal, for tests of readers."""

import os
import time
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.format.records import NO_HASH, Kind, encode
from gateway.journal.format.segments import segment_path

CHAIN: Final = "gw-0123456789abcdef"


class ChainWriter:
    """Appends records to a chain folder, which it creates. `lines`: everything that it wrote."""

    def __init__(self, folder: Path, chain: str = CHAIN) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
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
