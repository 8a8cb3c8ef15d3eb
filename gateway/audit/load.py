"""How long a sync may wait for company: by how much the event loop, which all calls share, has to do."""

import time
from collections.abc import Callable
from typing import Final

SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.010
LOOKED_AT_SECONDS: Final = 0.1
_NEWEST: Final = 0.4
"""How much the newest look at the load counts: one burst is no load."""
_BUSY: Final = 0.85
_BUSIEST: Final = 0.97


class Load:
    """How much of a processor the event loop takes of late, which has one thread and can't take more than one.

    Made and asked on that thread. clock, cpu: seconds of the one and the other. Where others take the processor, it
    looks less than it is: then rounds are short, and cost more than they could.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._looked = clock()
        self._taken = cpu()
        self._load = 0.0

    def patience(self) -> float:
        """The seconds that the first who waits may wait for company: longest where all wait for their turn anyway."""
        now = self._clock()
        if now - self._looked >= LOOKED_AT_SECONDS:
            taken = self._cpu()
            self._load += _NEWEST * ((taken - self._taken) / (now - self._looked) - self._load)
            self._looked, self._taken = now, taken
        share = min(max(0.0, (self._load - _BUSY) / (_BUSIEST - _BUSY)), 1.0)
        return SHORTEST_SECONDS + share * (LONGEST_SECONDS - SHORTEST_SECONDS)
