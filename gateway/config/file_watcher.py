"""Detection of changes to files while the gateway runs.

The caller reads the files. `changed()` is cheap enough to be called for every RPC and connection.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# The clock of a file system has a resolution of some milliseconds: two changes within one tick have the same times.
_TICK_NANOSECONDS: Final = 50_000_000

_Signature = tuple[tuple[int, int, int, int, int] | None, ...]


class WatchedFiles:
    """Files that are compared with their state at the previous check.

    Follows symbolic links: a switched link is a change, which is how Kubernetes updates a mounted secret.
    interval: minimum seconds between two checks. Not thread-safe.
    """

    def __init__(self, paths: Sequence[Path], *, interval: float = 1.0) -> None:
        self._paths = tuple(paths)
        self._interval = interval
        self._signature = self._read_signature()
        self._next_check = time.monotonic() + interval
        self._must_report = _is_fresh(self._signature)

    def changed(self, *, now: bool = False) -> bool:
        """Return whether the files changed since the last call that returned true. now: check even within the interval.

        Call this before reading the files, so that a change during the read is reported by the next call. A very recent
        change is reported twice, because the file can change again within the same tick of the clock.
        """
        clock = time.monotonic()
        if clock < self._next_check and not now:
            return False
        self._next_check = clock + self._interval
        signature = self._read_signature()
        if signature == self._signature and not self._must_report:
            return False
        self._signature, self._must_report = signature, _is_fresh(signature)
        return True

    def report_again(self) -> None:
        """Make the next check report a change, because the files could not be read."""
        self._must_report = True

    def _read_signature(self) -> _Signature:
        return tuple(map(_signature, self._paths))


def _signature(path: Path) -> tuple[int, int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_size


def _is_fresh(signature: _Signature) -> bool:
    newest = max((max(each[0], each[1]) for each in signature if each is not None), default=0)
    return abs(time.time_ns() - newest) < _TICK_NANOSECONDS
