"""How long a sync may wait for company: by how much the event loop, which all calls share, has to do."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.010
LOOKED_AT_SECONDS: Final = 0.1
_NEWEST: Final = 0.4
"""How much the newest look at the load counts: one burst is no load."""
_BUSY: Final = 0.85
_BUSIEST: Final = 0.97
_SCHEDULE: Final = Path("/proc/thread-self/schedstat")


class TimeWanted:
    """The seconds that this thread ran, and where Linux tells, those that it was ready to and had no processor."""

    def __init__(self) -> None:
        self._waited = 0.0

    def __call__(self) -> float:
        """Up to now."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            self._waited = int(_SCHEDULE.read_bytes().split()[1]) / 1e9
        return time.thread_time() + self._waited


class Load:
    """How much of a processor the event loop wants of late; it has one thread, and can't have more than one.

    Made and asked on that thread. clock, wanted: seconds of the one and the other. Where other guests of a hypervisor
    take the processor, it looks less than it is: then rounds are short, and cost more than they could.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wanted: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._wanted = wanted or TimeWanted()
        self._looked = clock()
        self._before = self._wanted()
        self._load = 0.0

    def patience(self) -> float:
        """The seconds that the first who waits may wait for company: longest where all wait for their turn anyway."""
        now = self._clock()
        if now - self._looked >= LOOKED_AT_SECONDS:
            wanted = self._wanted()
            self._load += _NEWEST * ((wanted - self._before) / (now - self._looked) - self._load)
            self._looked, self._before = now, wanted
        share = min(max(0.0, (self._load - _BUSY) / (_BUSIEST - _BUSY)), 1.0)
        return SHORTEST_SECONDS + share * (LONGEST_SECONDS - SHORTEST_SECONDS)
