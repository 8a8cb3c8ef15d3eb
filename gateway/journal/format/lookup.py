"""Lookup of one record of a chain, without reading the whole chain. Writes nothing."""

import os
import re
from pathlib import Path
from typing import IO, Final

from gateway.journal.format.records import MalformedRecord, Record, parse
from gateway.journal.format.segments import open_segment, segment_path, segment_starts

_LINEAR_BYTES: Final = 1 << 14
"""The size of a range in bytes below which the search reads line by line."""
_SEQUENCE: Final = re.compile(rb'\{"chain":"[a-z0-9-]+","sequence":([1-9][0-9]{0,18}),')


def find_record(chain: Path, sequence: int) -> Record | None:
    """Return the record with this sequence number; None if the chain does not contain it. Raises OSError.

    chain: the folder of the chain. The hash of the record is not checked.
    """
    starts = [start for start in segment_starts(chain) if start <= sequence]
    if not starts:
        return None
    try:
        with open_segment(segment_path(chain, starts[-1])) as file:
            line = _find_line(file, sequence)
        return parse(line) if line is not None else None
    except (MalformedRecord, FileNotFoundError):
        return None  # damaged, or removed by retention in the meantime


def segment_time(chain: Path, start: int) -> int | None:
    """Return the time of the first record of a segment, in milliseconds since 1970; None if it cannot be read."""
    try:
        with open_segment(segment_path(chain, start)) as file:
            time = parse(file.readline()).value().get("time")
    except (MalformedRecord, OSError):
        return None
    return time if isinstance(time, int) else None


def _find_line(file: IO[bytes], sequence: int) -> bytes | None:
    """Return the line of a record in a segment, found by binary search."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _LINEAR_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        begin = file.tell()
        if begin < high and _sequence(file.readline()) <= sequence:
            low = begin
        else:
            high = middle
    file.seek(low)
    while line := file.readline():
        found = _sequence(line)
        if found >= sequence:
            return line if found == sequence and line.endswith(b"\n") else None
    return None


def _sequence(line: bytes) -> int:
    if (match := _SEQUENCE.match(line)) is None:
        raise MalformedRecord("the line is not a record")
    return int(match[1])
