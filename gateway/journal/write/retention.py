"""Retention: which old segments can be removed, and their removal.

Only whole segments are removed, and the oldest first: when they are older than the retention period, or when the
journal takes too much space. The newest segment stays. Before the first file is deleted, a durable record in the chain
names the last removed record. Without it, verification reports the gap as tampering.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import orjson

from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import parse
from gateway.journal.format.segments import compressed_path, open_segment, segment_path, segment_size, segment_starts
from gateway.journal.settings import AuditSettings
from gateway.journal.write.disk_usage import DiskUsage

_MAXIMUM_SEGMENTS: Final = 500
"""The maximum number of segments in a removal, so that its record fits into the space that is reserved for it."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Segments to remove. sequence, hash: of their last record. size: of all files, in bytes."""

    segments: tuple[int, ...]
    sequence: int
    hash: str
    size: int

    def body(self, time: int) -> bytes:
        """Return the body of the record that announces the removal. time: milliseconds since 1970."""
        names = [f"{start:020}.jsonl" for start in self.segments]
        removed = {"sequence": self.sequence, "hash": self.hash}
        return orjson.dumps({"time": time, "removed": removed, "segments": names})


def excess(settings: AuditSettings, usage: DiskUsage) -> int:
    """Return the bytes to remove from a chain: its share of the bytes by which the journal exceeds its limits."""
    reserve = math.ceil(usage.capacity * settings.minimum_free)
    over = max(0, reserve - usage.free)
    if settings.retention_bytes is not None:
        over = max(over, usage.journal - settings.retention_bytes)
    return math.ceil(over * usage.chain / usage.journal) if usage.journal else 0


def removable(folder: Path, chain: str, *, last: int, before: int, excess: int) -> Removal | None:
    """Return the oldest segments: those older than `before`, and more until `excess` is reached; None for no segment.

    last: the last record that may be removed. before: milliseconds since 1970. excess: the bytes to remove, whatever
    the age of the segments is.
    """
    chosen: list[int] = []
    sequence, digest, size = 0, "", 0
    for start, successor in pairwise(segment_starts(folder)[: _MAXIMUM_SEGMENTS + 1]):
        if successor > last + 1:
            break
        with open_segment(segment_path(folder, successor)) as file:
            head = parse(file.readline())
        if head.chain != chain or not (size < excess or _older(head.value().get("time"), before)):
            break
        chosen.append(start)
        sequence, digest = head.sequence - 1, head.previous
        size += segment_size(segment_path(folder, start))
    return Removal(tuple(chosen), sequence, digest, size) if chosen else None


def remove(folder: Path, removal: Removal) -> None:
    """Delete the segments, oldest first, so that the remaining records always follow on removed ones without a gap."""
    for start in removal.segments:
        path = segment_path(folder, start)
        # The compressed file last: while it exists, so does the segment.
        path.unlink(missing_ok=True)
        compressed_path(path).unlink(missing_ok=True)
        sync_folder(folder)


def _older(time: object, before: int) -> bool:
    return isinstance(time, int) and time < before
