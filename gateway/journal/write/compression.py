"""Compression of sealed segments, and its reversal, one segment at a time.

A segment is replaced only after its copy is complete, checked, and durable: readers find one of the two files at any
time, and a crash leaves at most a copy that the next attempt overwrites. If both exist, readers use the original.

The work runs on a thread in short steps with pauses, so that it takes at most a fifth of a processor. The thread has no
low priority: it holds the interpreter lock from time to time, and all calls would wait while it is not scheduled.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

from gateway.journal.format.compressed_segments import (
    FRAME_BYTES,
    CompressedFile,
    compressed_frame,
    seek_table,
)
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.regular_files import open_file, open_reader
from gateway.journal.format.segments import compressed_path, open_segment, segment_path, segment_starts

_TEMPORARY: Final = "compression.tmp"
_PAUSE_FACTOR: Final = 4.0


class _Pace:
    """Pauses between the steps of the work. Raises StoppedError if `stopped` returns True."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._began = time.monotonic()

    def pause(self) -> None:
        """End a step, and wait for a multiple of its duration."""
        if self._stopped():
            raise StoppedError
        time.sleep(_PAUSE_FACTOR * (time.monotonic() - self._began))
        self._began = time.monotonic()


class StoppedError(Exception):
    """The compression was stopped. The segment is unchanged."""


def compressible(folder: Path, durable: int) -> list[int]:
    """Return the sealed segments that are not compressed, oldest first.

    durable: the sequence number of the last durable record. A segment is sealed when its successor is durable:
    otherwise a crash can make it the newest one again, which must grow.
    """
    return [
        start
        for start, successor in pairwise(segment_starts(folder))
        if successor <= durable and segment_path(folder, start).exists()
    ]


def compress(folder: Path, start: int, stopped: Callable[[], bool]) -> None:
    """Compress a sealed segment. Raises StoppedError if `stopped` returns True meanwhile, and OSError."""
    path, pace = segment_path(folder, start), _Pace(stopped)
    with open_reader(path, buffering=0) as source, _temporary(folder) as target:
        sizes: list[tuple[int, int]] = []
        while content := _read(source):
            frame = compressed_frame(content)
            target.write(frame)
            sizes.append((len(frame), len(content)))
            pace.pause()
        target.write(seek_table(sizes))
        target.flush()
        os.fsync(target.fileno())
        if not _same(source, target, compressed_path(path), pace):
            raise OSError(errno.EIO, "the compressed copy differs from the segment", str(path))
    _replace(folder, compressed_path(path), path)


def decompress(folder: Path, start: int) -> bool:
    """Replace a compressed segment by its content; return False if it is not compressed. OSError, DamagedSegment."""
    path = segment_path(folder, start)
    if path.exists():
        compressed_path(path).unlink(missing_ok=True)
        return False
    with open_segment(path, buffering=0) as source, _temporary(folder) as target:
        while content := source.read(FRAME_BYTES):
            target.write(content)
        target.flush()
        os.fsync(target.fileno())
    _replace(folder, path, compressed_path(path))
    return True


@contextmanager
def _temporary(folder: Path) -> Iterator[IO[bytes]]:
    """Open the temporary file, and remove it after an error."""
    path = folder / _TEMPORARY
    try:
        with open(open_file(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as file:
            yield file
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _read(source: IO[bytes]) -> bytes:
    """Return the next piece of the content, with the full size except at the end."""
    content = source.read(FRAME_BYTES)
    while 0 < len(content) < FRAME_BYTES and (more := source.read(FRAME_BYTES - len(content))):
        content += more
    return content


def _same(source: IO[bytes], target: IO[bytes], path: Path, pace: _Pace) -> bool:
    """Return whether the compressed copy has the content of the source. path: of the copy, for errors."""
    source.seek(0)
    copy = CompressedFile(target, path)
    while content := _read(source):
        if copy.read(len(content)) != content:
            return False
        pace.pause()
    return not copy.read(1)


def _replace(folder: Path, complete: Path, obsolete: Path) -> None:
    (folder / _TEMPORARY).replace(complete)
    sync_folder(folder)
    obsolete.unlink()
    sync_folder(folder)
