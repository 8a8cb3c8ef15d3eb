"""Removing old segments: which may go, and taking them away. Only whole ones, only shipped ones, only the oldest.

A record in the chain names the last record removed, and is durable before the first file goes: without it, the gap is
tampering.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson

from gateway.journal.format.checkpoints import read_copies
from gateway.journal.format.cursor import Cursor
from gateway.journal.format.durable_files import replace, sync_folder
from gateway.journal.format.records import MalformedRecord, parse
from gateway.journal.format.segments import CHECKPOINTS, segment_path, segment_starts


@dataclass(frozen=True, slots=True)
class Removal:
    """Segments that may go; the last of their records is `sequence`, with this hash."""

    segments: tuple[int, ...]
    sequence: int
    hash: str

    def body(self, time: int) -> bytes:
        """Of the record that announces it."""
        names = [f"{start:020}.jsonl" for start in self.segments]
        removed = {"sequence": self.sequence, "hash": self.hash}
        return orjson.dumps({"time": time, "removed": removed, "segments": names})


def removable(folder: Path, cursor: Cursor, before: int) -> Removal | None:
    """The segments that end below the cursor, and whose last record is older than `before` (milliseconds)."""
    starts = segment_starts(folder)
    chosen: list[int] = []
    sequence, digest = 0, ""
    for start, following in pairwise(starts):
        if following > cursor.sequence + 1 or start >= cursor.position.segment:
            break
        with segment_path(folder, following).open("rb") as file:
            head = parse(file.readline())
        if head.chain != cursor.chain or not _older(head.value().get("time"), before):
            break
        chosen.append(start)
        sequence, digest = head.sequence - 1, head.previous
    return Removal(tuple(chosen), sequence, digest) if chosen else None


def remove(folder: Path, removal: Removal) -> None:
    """Take the segments away, oldest first, so that what is left always begins where something was removed."""
    for start in removal.segments:
        segment_path(folder, start).unlink(missing_ok=True)
        sync_folder(folder)


def drop_copies(folder: Path, upto: int) -> None:
    """Copies of checkpoints that were removed say nothing any more of the chain."""
    lines = read_copies(folder).splitlines(keepends=True)
    kept = [line for line in lines if _sequence(line) > upto]
    if len(kept) < len(lines):
        replace(folder / CHECKPOINTS, b"".join(kept))


def _older(time: object, before: int) -> bool:
    return isinstance(time, int) and time < before


def _sequence(line: bytes) -> int:
    """Of a copy; one that is no record is kept, for the verification to find."""
    try:
        return parse(line).sequence
    except MalformedRecord:
        return 1 << 63
