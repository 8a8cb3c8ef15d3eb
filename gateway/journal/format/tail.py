"""The last record of a chain, found without reading the whole chain."""

import os
from pathlib import Path
from typing import Final

from gateway.journal.format.records import Record, parse
from gateway.journal.format.segments import open_segment, segment_path, segment_starts

_TAIL_BYTES: Final = 1 << 14


def last_record(folder: Path) -> Record | None:
    """Return the last complete record of a chain; None if there is none. Raises OSError, MalformedRecord."""
    for start in reversed(segment_starts(folder)):
        if (line := _last_line(segment_path(folder, start))) is not None:
            return parse(line)
    return None


def _last_line(path: Path) -> bytes | None:
    length = _TAIL_BYTES
    with open_segment(path) as file:
        size = file.seek(0, os.SEEK_END)
        while True:
            file.seek(max(0, size - length))
            lines = file.read(length).split(b"\n")[:-1]
            if len(lines) > 1 or (lines and length >= size):
                return lines[-1] + b"\n"
            if length >= size:
                return None
            length *= 8
