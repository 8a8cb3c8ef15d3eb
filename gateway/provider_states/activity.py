"""A sliding window of the requests of the last minutes."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.telemetry.upstream_requests import RequestCounts

WINDOW_SECONDS: Final = 600.0
_PART_SECONDS: Final = 30.0
_PARTS: Final = int(WINDOW_SECONDS / _PART_SECONDS) + 1
"""The number of intervals. The first and the last one are only partly in the window."""


class ActivityWindow:
    """The requests to one provider during the last WINDOW_SECONDS, in intervals. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._parts: deque[tuple[int, RequestCounts]] = deque(maxlen=_PARTS)

    def add(self, counts: RequestCounts) -> None:
        """Add requests that ended just now."""
        if not counts.total and not counts.failures:
            return
        number = int(self._clock() / _PART_SECONDS)
        if not self._parts or self._parts[-1][0] != number:
            self._parts.append((number, RequestCounts()))
        self._parts[-1][1].add(counts)

    def total(self) -> RequestCounts:
        """Return the sum of the requests in the window."""
        oldest = int((self._clock() - WINDOW_SECONDS) / _PART_SECONDS)
        while self._parts and self._parts[0][0] < oldest:
            self._parts.popleft()
        total = RequestCounts()
        for _, counts in self._parts:
            total.add(counts)
        return total

    @property
    def seconds(self) -> int:
        """The time that the sum covers."""
        return round(min(WINDOW_SECONDS, self._clock() - self._started))
