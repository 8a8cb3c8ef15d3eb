"""The journal's files: which segments a chain has, and reading records from a place in them, also while they grow.

Responsible for finding and reading; nothing here writes, and nothing checks more of a record than its form.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from gateway.journal.format.records import Record, parse

CHECKPOINTS: Final = "checkpoints.jsonl"
CURSOR: Final = "cursor.json"
LOCK: Final = "lock"
RESERVE: Final = "reserve"

_SEGMENT_NAME: Final = re.compile(r"([0-9]{20})\.jsonl", re.ASCII)
_CHAIN_NAME: Final = re.compile(r"worker-(0|[1-9][0-9]*)", re.ASCII)
_READ_BYTES: Final = 1 << 18


class Position(NamedTuple):
    """A place between two records: the segment, by its first sequence number, and the byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with its place: it starts at `position`, and what comes after it starts at `end`."""

    record: Record
    position: Position
    end: Position


class SegmentMissing(LookupError):
    """The segment of a position is not there, or shorter than the position says."""


def chain_folder(directory: Path, worker: int) -> Path:
    """Where a worker's chain is kept."""
    return directory / f"worker-{worker}"


def chain_folders(directory: Path) -> list[Path]:
    """The chains of an audit directory, by worker."""
    found = [(int(match[1]), path) for path in directory.iterdir() if (match := _CHAIN_NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def segment_path(chain: Path, first: int) -> Path:
    """The file of the segment whose first record has this sequence number."""
    return chain / f"{first:020}.jsonl"


def segment_starts(chain: Path) -> list[int]:
    """The first sequence number of each segment, oldest first, by the files' names."""
    return sorted(int(match[1]) for name in os.listdir(chain) if (match := _SEGMENT_NAME.fullmatch(name)))


def read_records(chain: Path, position: Position | None = None) -> Iterator[Stored]:
    """The records from a position on (None: from the oldest kept), over all later segments.

    Ends where no complete line follows; going on later is a new call with the last `end`. SegmentMissing where the
    position is not there, MalformedRecord where a line is no record.
    """
    for line, begin, end in read_lines(chain, position):
        yield Stored(parse(line), begin, end)


def read_lines(chain: Path, position: Position | None = None) -> Iterator[tuple[bytes, Position, Position]]:
    """As `read_records`, without looking at the lines: each with where it starts and ends."""
    starts = segment_starts(chain)
    if position is None:
        if not starts:
            return
        position = Position(starts[0], 0)
    while True:
        for line, begin, end in _lines_of(chain, position):
            yield line, begin, end
            position = end
        later = [start for start in starts if start > position.segment]
        if later:
            position = Position(later[0], 0)
            continue
        # A segment that has a successor gets no more lines, but it may have got some before that: read on once more.
        starts = segment_starts(chain)
        if starts[-1:] <= [position.segment]:
            return


def _lines_of(chain: Path, position: Position) -> Iterator[tuple[bytes, Position, Position]]:
    """The complete lines of one segment from an offset on."""
    segment, offset = position
    try:
        file = segment_path(chain, segment).open("rb", buffering=0)
    except FileNotFoundError:
        raise SegmentMissing(f"segment {segment_path(chain, segment).name} is not there") from None
    with file:
        if file.seek(0, os.SEEK_END) < offset:
            raise SegmentMissing(f"segment {segment_path(chain, segment).name} ends before offset {offset}")
        file.seek(offset)
        rest = b""
        while chunk := file.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                begin, offset = offset, offset + len(line) + 1
                yield line + b"\n", Position(segment, begin), Position(segment, offset)
