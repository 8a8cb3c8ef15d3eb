"""Retention: which old segments can be removed, and their removal.

Only whole segments are removed, only after they were shipped, and the oldest first. Before the first file is deleted, a
durable record in the chain names the last removed record. Without it, verification reports the gap as tampering.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import parse
from gateway.journal.format.regular_files import open_reader
from gateway.journal.format.segments import segment_path, segment_starts


@dataclass(frozen=True, slots=True)
class Removal:
    """Segments to remove. sequence, hash: of their last record."""

    segments: tuple[int, ...]
    sequence: int
    hash: str

    def body(self, time: int) -> bytes:
        """Return the body of the record that announces the removal. time: milliseconds since 1970."""
        names = [f"{start:020}.jsonl" for start in self.segments]
        removed = {"sequence": self.sequence, "hash": self.hash}
        return orjson.dumps({"time": time, "removed": removed, "segments": names})


def removable(folder: Path, cursor: Cursor, before: int) -> Removal | None:
    """Return the segments that end before the cursor and contain only records older than `before` (milliseconds)."""
    starts = segment_starts(folder)
    chosen: list[int] = []
    sequence, digest = 0, ""
    for start, successor in pairwise(starts):
        if successor > cursor.sequence + 1 or start >= cursor.position.segment:
            break
        with open_reader(segment_path(folder, successor)) as file:
            head = parse(file.readline())
        if head.chain != cursor.chain or not _older(head.value().get("time"), before):
            break
        chosen.append(start)
        sequence, digest = head.sequence - 1, head.previous
    return Removal(tuple(chosen), sequence, digest) if chosen else None


def remove(folder: Path, removal: Removal) -> None:
    """Delete the segments, oldest first, so that the remaining records always follow on removed ones without a gap."""
    for start in removal.segments:
        segment_path(folder, start).unlink(missing_ok=True)
        sync_folder(folder)


def _older(time: object, before: int) -> bool:
    return isinstance(time, int) and time < before
