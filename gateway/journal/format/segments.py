"""Segment files: which segments a chain has, and reading records from a position, also while the files grow.

A segment is a file of lines, or compressed (`compressed_segments`). If both exist, the file of lines counts. Writes
nothing, and checks only the form of records.
"""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from gateway.journal.format.compressed_segments import SUFFIX, CompressedFile
from gateway.journal.format.records import Record, parse
from gateway.journal.format.regular_files import open_reader

CHECKPOINTS: Final = "checkpoints.jsonl"
CURSOR: Final = "cursor.json"
LOCK: Final = "lock"
RESERVE: Final = "reserve"

_SEGMENT_NAME: Final = re.compile(r"([0-9]{20})\.jsonl(?:\.zst)?", re.ASCII)
_CHAIN_NAME: Final = re.compile(r"worker-(0|[1-9][0-9]*)", re.ASCII)
_READ_BYTES: Final = 1 << 18


class ChainPosition(NamedTuple):
    """A position between two records: the first sequence number of the segment, and the byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the positions where it begins and ends."""

    record: Record
    position: ChainPosition
    end: ChainPosition


class SegmentMissing(LookupError):
    """The segment of a position does not exist, or is shorter than the position."""


def chain_folder(directory: Path, worker: int) -> Path:
    """Return the folder of a worker's chain."""
    return directory / f"worker-{worker}"


def chain_folders(directory: Path) -> list[Path]:
    """Return the chain folders of an audit directory, sorted by worker."""
    found = [(int(match[1]), path) for path in directory.iterdir() if (match := _CHAIN_NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def segment_path(chain: Path, first: int) -> Path:
    """Return the file of the segment that begins with this sequence number."""
    return chain / f"{first:020}.jsonl"


def segment_starts(chain: Path) -> list[int]:
    """Return the first sequence number of each segment, oldest first, from the file names."""
    return sorted({int(match[1]) for name in os.listdir(chain) if (match := _SEGMENT_NAME.fullmatch(name))})


def compressed_path(path: Path) -> Path:
    """Return the file of a segment after its compression. path: as `segment_path` returns it."""
    return path.with_name(path.name + SUFFIX)


def relative_name(path: Path) -> str:
    """Return the name of a file in the folder of a chain, relative to the audit directory, for error messages."""
    return f"{path.parent.name}/{path.name}"


def open_segment(path: Path, *, buffering: int = -1) -> IO[bytes]:
    """Open a segment for reading, compressed or not. path: as `segment_path` returns it. Offsets are the same for both.

    Raises FileNotFoundError, NotRegularFile, and other OSErrors. This and each read raise DamagedSegment.
    """
    try:
        return open_reader(path, buffering=buffering)
    except FileNotFoundError as error:
        try:
            file = open_reader(compressed_path(path))
        except FileNotFoundError:
            raise error from None
    try:
        content = CompressedFile(file, compressed_path(path))
    except BaseException:
        file.close()
        raise
    return content if buffering == 0 else io.BufferedReader(content)  # type: ignore[return-value]


def segment_size(path: Path) -> int:
    """Return the bytes that a segment takes on the disk. path: as `segment_path` returns it."""
    return sum(each.stat().st_size for each in (path, compressed_path(path)) if each.exists())


def read_records(chain: Path, position: ChainPosition | None = None) -> Iterator[StoredRecord]:
    """Yield the records from a position on, over all later segments. None means the oldest kept record.

    Ends where no complete line follows. To continue later, call it again with the last `end`. Raises SegmentMissing if
    the position does not exist, and MalformedRecord for a line that is not a record.
    """
    for line, begin, end in read_lines(chain, position):
        yield StoredRecord(parse(line), begin, end)


def read_lines(
    chain: Path, position: ChainPosition | None = None
) -> Iterator[tuple[bytes, ChainPosition, ChainPosition]]:
    """As `read_records`, without parsing: each line with the positions where it begins and ends."""
    starts = segment_starts(chain)
    if position is None:
        if not starts:
            return
        position = ChainPosition(starts[0], 0)
    while True:
        for line, begin, end in _lines_of(chain, position):
            yield line, begin, end
            position = end
        later = [start for start in starts if start > position.segment]
        if later:
            position = ChainPosition(later[0], 0)
            continue
        # A segment with a successor grows no more, but it may have grown before the successor began: read it once more.
        starts = segment_starts(chain)
        if starts[-1:] <= [position.segment]:
            return


def _lines_of(chain: Path, position: ChainPosition) -> Iterator[tuple[bytes, ChainPosition, ChainPosition]]:
    """Yield the complete lines of one segment from an offset on."""
    segment, offset = position
    try:
        file = open_segment(segment_path(chain, segment), buffering=0)
    except FileNotFoundError:
        raise SegmentMissing(f"segment {segment_path(chain, segment).name} does not exist") from None
    with file:
        if file.seek(0, os.SEEK_END) < offset:
            raise SegmentMissing(f"segment {segment_path(chain, segment).name} ends before offset {offset}")
        file.seek(offset)
        rest = b""
        while chunk := file.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                begin, offset = offset, offset + len(line) + 1
                yield line + b"\n", ChainPosition(segment, begin), ChainPosition(segment, offset)
