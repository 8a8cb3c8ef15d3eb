"""Disk usage of the journal: the size of its files, the free space of their file system, and the time until it is full.

The journal measures it every few seconds. Metrics and retention use the last measurement.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression
from typing import Final, NamedTuple

import structlog

from gateway.journal.format.segments import chain_folder, chain_folders

WARNING_SHARE: Final = 0.8
"""The share of the file system above which the gateway logs a warning."""
_CALM_SHARE: Final = 0.78
"""The share below which the next warning is possible."""
_TREND_SECONDS: Final = 3600.0
_SHORTEST_TREND_SECONDS: Final = 60.0
_REMINDER_SECONDS: Final = 3600.0
_clock: Final[Callable[[], float]] = time.monotonic

_log = structlog.get_logger(__name__)


class DiskUsage(NamedTuple):
    """A measurement. chain, journal: size in bytes of one chain's files and of those of all chains.

    free, capacity: bytes of the file system that the gateway can use, as `df` shows them.
    """

    chain: int
    journal: int
    free: int
    capacity: int

    @property
    def used_share(self) -> float:
        """The used share of the file system, from 0 to 1."""
        return 1 - self.free / self.capacity if self.capacity else 0.0


def measure(chain: Path) -> DiskUsage:
    """Measure the journal to which the folder of a chain belongs. Blocks. Raises OSError."""
    status = os.statvfs(chain)
    capacity = status.f_blocks - status.f_bfree + status.f_bavail
    sizes = {folder: _size(folder) for folder in chain_folders(chain.parent)}
    block = status.f_frsize
    return DiskUsage(sizes.get(chain, 0), sum(sizes.values()), status.f_bavail * block, capacity * block)


def _size(folder: Path) -> int:
    total = 0
    with os.scandir(folder) as files:
        for file in files:
            try:
                total += file.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # retention removed it meanwhile
                continue
    return total


class FreeSpaceTrend:
    """How fast the free space shrank within the last hour. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, moment: float, free: int) -> None:
        """Add a measurement of the free bytes."""
        self._samples.append((moment, free))
        while moment - self._samples[0][0] > _TREND_SECONDS:
            self._samples.popleft()

    def seconds_to_full(self) -> float | None:
        """Return the seconds until no space is free. None if the free space does not shrink, or before a minute."""
        if not self._samples or self._samples[-1][0] - self._samples[0][0] < _SHORTEST_TREND_SECONDS:
            return None
        # A regression, because compression and retention free space in steps.
        slope = linear_regression([moment for moment, _ in self._samples], [free for _, free in self._samples]).slope
        return self._samples[-1][1] / -slope if slope < 0 else None


class DiskWatch:
    """The last measurement for one chain, and the warning about a disk that is nearly full.

    Of several chains in a directory, only the first one warns.
    """

    def __init__(self, chain: Path) -> None:
        self.usage: DiskUsage | None = None
        self.seconds_to_full: float | None = None
        self._chain = chain
        self._trend = FreeSpaceTrend()
        self._warned_at: float | None = None

    def update(self) -> DiskUsage:
        """Measure, and warn if the disk is nearly full. Blocks. Raises OSError."""
        usage = measure(self._chain)
        self._trend.add(_clock(), usage.free)
        self.seconds_to_full = self._trend.seconds_to_full()
        self.usage = usage
        if self._chain == chain_folder(self._chain.parent, 0):
            self._warn(usage)
        return usage

    def _warn(self, usage: DiskUsage) -> None:
        if usage.used_share < _CALM_SHARE:
            self._warned_at = None
        elif usage.used_share >= WARNING_SHARE and (
            self._warned_at is None or _clock() - self._warned_at >= _REMINDER_SECONDS
        ):
            self._warned_at = _clock()
            _log.warning(
                "audit_disk_nearly_full",
                used_percent=round(usage.used_share * 100),
                free_bytes=usage.free,
                journal_bytes=usage.journal,
                seconds_to_full=round(self.seconds_to_full) if self.seconds_to_full is not None else None,
                directory=str(self._chain.parent),
            )
