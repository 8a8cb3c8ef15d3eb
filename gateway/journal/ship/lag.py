"""How far shipping is behind: from the cursor and the journal's files, for a metric of the gateway's own process.

What is shipped but may still be lost by the collector counts as behind: with steady traffic the backlog is never less
than what `rewind` seconds bring.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from gateway.journal.format.cursor import Cursor, CursorError, load
from gateway.journal.format.records import MalformedRecord, Record, parse
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    chain_folders,
    read_records,
    segment_path,
    segment_starts,
)

_TAIL_BYTES: Final = 1 << 14


class Backlog(NamedTuple):
    """records: not yet shipped for good. seconds: the age of the oldest of them."""

    records: int
    seconds: float


def backlog(audit_directory: Path, folders: Iterable[Path] | None = None) -> Mapping[str, Backlog]:
    """By chain, of these folders or of all. A chain whose files can't be read now is left out."""
    found: dict[str, Backlog] = {}
    try:
        folders = chain_folders(audit_directory) if folders is None else folders
    except OSError:
        return found
    for folder in folders:
        try:
            head = _head(folder)
            if head is not None:
                found[head.chain] = _behind(folder, load(folder), head)
        except (OSError, CursorError, MalformedRecord, SegmentMissing):
            continue
    return found


def _behind(folder: Path, cursor: Cursor | None, head: Record) -> Backlog:
    position = cursor.position if cursor is not None else None
    if cursor is not None and cursor.sequence + 1 in segment_starts(folder):
        position = ChainPosition(cursor.sequence + 1, 0)
    oldest = next(read_records(folder, position), None)
    if oldest is None:
        return Backlog(0, 0.0)
    began = oldest.record.value().get("time")
    age = time.time() - began / 1000 if isinstance(began, int) else 0.0
    return Backlog(max(0, head.sequence - oldest.record.sequence + 1), max(0.0, age))


def _head(folder: Path) -> Record | None:
    """The last complete record."""
    for start in reversed(segment_starts(folder)):
        if (line := _last_line(segment_path(folder, start))) is not None:
            return parse(line)
    return None


def _last_line(path: Path) -> bytes | None:
    length = _TAIL_BYTES
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while True:
            file.seek(max(0, size - length))
            lines = file.read(length).split(b"\n")[:-1]
            if len(lines) > 1 or (lines and length >= size):
                return lines[-1] + b"\n"
            if length >= size:
                return None
            length *= 8
