"""Lag of the event loop: how late a timer runs, because something else occupied the loop or the machine.

The timer runs ten times per second. The maximum of a period is kept instead of the maximum since the last export, so
that several readers do not take values from each other.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

INTERVAL_SECONDS: Final = 0.1
_SLOT_SECONDS: Final = 5
_SLOTS: Final = 13
"""Number of slots for a minute: the current one is not full."""


class EventLoopLag:
    """Measures the lag of the running event loop until `close`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._maxima: list[tuple[int, float]] = [(0, 0.0)] * _SLOTS
        """The number of each slot, which is its time divided by its length, and the maximum lag in it."""
        self._due: float | None = None
        self._timer = self._next_timer()

    def maximum(self) -> float:
        """Return the maximum lag of about the last minute, in seconds. Any thread may call this, also during a lag."""
        now = self._clock()
        oldest = int(now / _SLOT_SECONDS) - _SLOTS
        due = self._due
        lag = now - due if due is not None else 0.0
        return max(lag, 0.0, *(maximum for number, maximum in self._maxima.copy() if number > oldest))

    def close(self) -> None:
        """Stop measuring."""
        self._timer.cancel()
        self._due = None

    def _next_timer(self) -> asyncio.TimerHandle:
        self._due = self._clock() + INTERVAL_SECONDS
        return self._loop.call_later(INTERVAL_SECONDS, self._run)

    def _run(self) -> None:
        now = self._clock()
        slot = int(now / _SLOT_SECONDS)
        number, maximum = self._maxima[slot % _SLOTS]
        if self._due is not None:
            lag = now - self._due
            self._maxima[slot % _SLOTS] = (slot, max(lag, maximum) if number == slot else lag)
        self._timer = self._next_timer()
