"""The commit delay: how long a flush waits for more callers, in proportion to the load of the event loop."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.010
SAMPLE_SECONDS: Final = 0.1
_NEWEST_WEIGHT: Final = 0.4
"""The weight of the newest sample in the average. One burst does not count as load."""
_BUSY: Final = 0.85
_BUSIEST: Final = 0.97
_SCHEDULE: Final = Path("/proc/thread-self/schedstat")


class CpuDemand:
    """The seconds in which this thread ran, plus those in which it was ready to run and had no processor (Linux)."""

    def __init__(self) -> None:
        self._waited = 0.0

    def __call__(self) -> float:
        """Return the total until now."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            self._waited = int(_SCHEDULE.read_bytes().split()[1]) / 1e9
        return time.thread_time() + self._waited


class CommitDelay:
    """The delay between the first caller that waits and the flush.

    The load is the share of one processor that the event loop's thread demands, as a moving average. The delay is short
    up to half load, and longest at full load, when all calls wait for the processor anyway. If other guests of the
    hypervisor take the processor, the measured load is too low: then flushes are more frequent than they need to be.

    Create and use it on the event loop's thread. clock, demand: seconds of the clock and of the CPU demand.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, demand: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._demand = demand or CpuDemand()
        self._sampled = clock()
        self._last_demand = self._demand()
        self._load = 0.0

    def seconds(self) -> float:
        """Return the current delay."""
        now = self._clock()
        if now - self._sampled >= SAMPLE_SECONDS:
            demand = self._demand()
            self._load += _NEWEST_WEIGHT * ((demand - self._last_demand) / (now - self._sampled) - self._load)
            self._sampled, self._last_demand = now, demand
        share = min(max(0.0, (self._load - _BUSY) / (_BUSIEST - _BUSY)), 1.0)
        return SHORTEST_SECONDS + share * (LONGEST_SECONDS - SHORTEST_SECONDS)
