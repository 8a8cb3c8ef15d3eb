"""Files that change while the gateway runs: noticing it, for whoever reads them again.

Not responsible for reading them, nor for when to look: `changed()` is cheap enough for every call and connection.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# A file system's clock ticks some milliseconds apart: a second change within one tick leaves the same times behind.
_TICK_NANOSECONDS: Final = 50_000_000

_Signature = tuple[tuple[int, int, int, int, int] | None, ...]


class WatchedFiles:
    """Some files as they are when this is made, and whether they still are.

    Follows symbolic links, so that a swapped one counts as a change, as Kubernetes makes it for all files of a mounted
    secret. interval: seconds within which nothing is looked at again. Not for several threads at once.
    """

    def __init__(self, paths: Sequence[Path], *, interval: float = 1.0) -> None:
        self._paths = tuple(paths)
        self._interval = interval
        self._signature = self._look()
        self._next_look = time.monotonic() + interval
        self._unsure = _is_fresh(self._signature)

    def changed(self, *, now: bool = False) -> bool:
        """Whether the files changed since this last said so. `now`: look, even within the interval.

        To be called before the files are read: what changes while they are read is told the next time. A change that is
        only a moment old is told twice, for there may have been another in the same tick of the clock.
        """
        clock = time.monotonic()
        if clock < self._next_look and not now:
            return False
        self._next_look = clock + self._interval
        signature = self._look()
        if signature == self._signature and not self._unsure:
            return False
        self._signature, self._unsure = signature, _is_fresh(signature)
        return True

    def again(self) -> None:
        """Say `changed` the next time: the files could not be read."""
        self._unsure = True

    def _look(self) -> _Signature:
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
