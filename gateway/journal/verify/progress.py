"""The progress of a verification: the number of checked records, and the checked share of the journal."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway.journal.format.segments import chain_folders, segment_path, segment_size, segment_starts

_INTERVAL_SECONDS: Final = 0.5
_LINES_BETWEEN_LOOKS: Final = 1000
_COMPRESSION: Final = 10
"""The usual compression ratio of segments, to estimate the uncompressed size of the journal."""

WatchLines = Callable[[Path, Iterable[bytes]], Iterable[bytes]]
"""Returns the lines of a segment, and can count them. The argument is a path that `segment_path` returned."""


def unwatched(_segment: Path, lines: Iterable[bytes]) -> Iterable[bytes]:
    """Return the lines without counting them."""
    return lines


class Progress:
    """Counts the lines of a verification. report: called at most twice a second with the records and the percentage."""

    def __init__(self, directory: Path, report: Callable[[int, int], None]) -> None:
        folders = chain_folders(directory)
        paths = (segment_path(folder, start) for folder in folders for start in segment_starts(folder))
        self._sizes = {path: segment_size(path) for path in paths}
        self._report = report
        self._done: dict[Path, int] = {}
        self._reported_at = 0.0
        self._records = 0

    def watch(self, segment: Path, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines of a segment, and count them. A segment that is verified again is counted once."""
        size, read = self._sizes.get(segment, 0), 0
        ratio = 1 if segment.exists() else _COMPRESSION
        for number, line in enumerate(lines, 1):
            yield line
            read += len(line)
            if number % _LINES_BETWEEN_LOOKS == 0:
                self._records += _LINES_BETWEEN_LOOKS
                self._advance(segment, min(size, read // ratio))
        self._done[segment] = size

    def _advance(self, segment: Path, done: int) -> None:
        self._done[segment] = max(done, self._done.get(segment, 0))
        if time.monotonic() - self._reported_at >= _INTERVAL_SECONDS:
            self._reported_at = time.monotonic()
            self._report(self._records, self.percent)

    @property
    def percent(self) -> int:
        """The share of the journal that has been checked, in percent."""
        total = sum(self._sizes.values())
        return min(100, 100 * sum(self._done.values()) // total) if total else 0
