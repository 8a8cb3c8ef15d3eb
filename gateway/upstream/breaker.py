"""The circuit breaker of one provider: knows from how its requests went whether another is worth sending.

Closed, all pass. Where too many of them fail it opens, and none passes, until one may try (half-open): it closes the
breaker, or leaves it open for as long again. A check of the provider is such a try at any time.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from gateway.upstream.settings import BreakerSettings

_PARTS: Final = 10
"""The window moves on by a tenth of its length."""
_IN_A_ROW: Final = 2
"""Times `minimum_calls`: so many failures in a row open the breaker whatever was before."""


class BreakerState(Enum):
    """CLOSED: all requests pass. OPEN: none does. HALF_OPEN: one has, and will decide."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """One breaker. A request that passes gets a permit, which comes back once with how it went.

    on_open: called each time it opens. clock: seconds, of any beginning.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        *,
        on_open: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_open = on_open
        self._clock = clock
        self._part_seconds = settings.window / _PARTS
        self._parts: deque[list[int]] = deque(maxlen=_PARTS)
        self._period = 0
        self._in_a_row = 0
        self._opened: float | None = None
        self._trying_since: float | None = None

    @property
    def state(self) -> BreakerState:
        """As of now."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._trying_since is None else BreakerState.HALF_OPEN

    def wait(self) -> float:
        """Seconds until a request may pass; 0 where one may now."""
        if self._opened is None:
            return 0.0
        # A try that hangs does not keep the next one away.
        since = self._opened if self._trying_since is None else self._trying_since
        return max(0.0, since + self._settings.interval - self._clock())

    def enter(self, *, forced: bool = False) -> int | None:
        """A permit, or None where the request may not be sent. forced: it may in any case, and counts as the try."""
        if self._opened is None:
            return self._period
        if not forced and self.wait() > 0:
            return None
        self._trying_since = self._clock()
        self._period += 1
        return self._period

    def succeeded(self, permit: int) -> None:
        """The upstream answered, whatever it said."""
        if not self._settings.enabled or permit != self._period:
            return  # from before the breaker opened or closed: that says nothing about now
        if self._opened is None:
            self._part()[1] += 1
            self._in_a_row = 0
        else:
            self._opened = self._trying_since = None
            self._parts.clear()
            self._period += 1

    def failed(self, permit: int) -> None:
        """The upstream did not answer, or is in trouble."""
        if not self._settings.enabled or permit != self._period:
            return
        if self._opened is None:
            part = self._part()
            part[1] += 1
            part[2] += 1
            self._in_a_row += 1
            if not self._is_down():
                return
        # After a try, from its beginning: who comes back during one that hangs is found within one interval too.
        self._opened = self._clock() if self._trying_since is None else self._trying_since
        self._trying_since = None
        self._in_a_row = 0
        self._parts.clear()
        self._period += 1
        self._on_open()

    def gave_up(self, permit: int) -> None:
        """The request was not sent, or its caller left: nothing is known, and another may try."""
        if permit == self._period and self._opened is not None:
            self._trying_since = None

    def _is_down(self) -> bool:
        """By the rate; or by failures in a row, sooner, while healthy times before still speak against the rate."""
        calls = sum(part[1] for part in self._parts)
        failures = sum(part[2] for part in self._parts)
        minimum = self._settings.minimum_calls
        by_rate = calls >= minimum and failures >= calls * self._settings.failure_rate
        return by_rate or self._in_a_row >= _IN_A_ROW * minimum

    def _part(self) -> list[int]:
        """The part of the window that is now: its number, its calls, its failures. What left the window is dropped."""
        number = int(self._clock() / self._part_seconds)
        parts = self._parts
        if parts and parts[-1][0] == number:
            return parts[-1]
        while parts and parts[0][0] <= number - _PARTS:
            parts.popleft()
        parts.append([number, 0, 0])
        return parts[-1]
