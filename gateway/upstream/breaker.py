"""The circuit breaker of one provider.

While it is closed, all requests pass. It opens when too many of them fail, and rejects requests. After an interval one
probe request passes (half-open): its success closes the breaker, its failure opens it for another interval. A health
check of the provider (CheckProvider) is a probe at any time.

The interval, and the delay after which rejected callers may retry, have a random part. Otherwise the breakers of many
gateways close at the same time, and all callers that were rejected retry at the same time.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from gateway.upstream.settings import BreakerSettings

_PARTS: Final = 10
"""The window advances in steps of a tenth of its length."""
_IN_A_ROW: Final = 2
"""This many times `minimum_calls` consecutive failures open the breaker, regardless of earlier successes."""
_SHORTEST: Final = 0.75
"""The shortest pause between two probes, as a share of the interval."""


class BreakerState(IntEnum):
    """CLOSED: all requests pass. OPEN: none passes. HALF_OPEN: one probe request is in progress.

    A larger value is more severe.
    """

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """One breaker. A request that passes gets a permit, and reports its result with the permit exactly once.

    on_open: called each time the breaker opens. clock: monotonic seconds. draw: returns a random number between two
    bounds, for the jitter.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        *,
        on_open: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings = settings
        self._draw = draw
        self._pause = settings.interval
        self._on_open = on_open
        self._clock = clock
        self._part_seconds = settings.window / _PARTS
        self._parts: deque[list[int]] = deque(maxlen=_PARTS)
        self._period = 0
        self._in_a_row = 0
        self._opened: float | None = None
        self._probing_since: float | None = None

    @property
    def state(self) -> BreakerState:
        """Return the current state."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._probing_since is None else BreakerState.HALF_OPEN

    def wait(self) -> float:
        """Return the seconds until a request passes; 0 if one passes now."""
        if self._opened is None:
            return 0.0
        # A probe that hangs does not delay the next one.
        since = self._opened if self._probing_since is None else self._probing_since
        return max(0.0, since + self._pause - self._clock())

    def retry_after(self) -> float:
        """Return the seconds after which the caller of a rejected request may retry it.

        Callers that are rejected during one interval retry during the next one, instead of at its beginning.
        """
        return self.wait() + self._draw(0, self._settings.interval)

    def enter(self, *, forced: bool = False) -> int | None:
        """Return a permit; None if the request must not be sent. forced: always pass, and count as the probe."""
        if self._opened is None:
            return self._period
        if not forced and self.wait() > 0:
            return None
        self._probing_since = self._clock()
        self._new_pause()
        self._period += 1
        return self._period

    def succeeded(self, permit: int) -> None:
        """Record that the upstream responded, with any result."""
        if not self._settings.enabled or permit != self._period:
            return  # sent before the breaker opened or closed: outdated
        if self._opened is None:
            self._part()[1] += 1
            self._in_a_row = 0
        else:
            self.close()

    def close(self) -> None:
        """Close after a successful probe of this process or of another one."""
        if self._opened is not None:
            self._opened = self._probing_since = None
            self._parts.clear()
            self._period += 1

    def failed(self, permit: int) -> None:
        """Record that the upstream did not respond, or reported an outage."""
        if not self._settings.enabled or permit != self._period:
            return
        if self._opened is None:
            part = self._part()
            part[1] += 1
            part[2] += 1
            self._in_a_row += 1
            if not self._must_open():
                return
        # After a probe, count from its start: a recovery during a hanging probe is detected within one interval.
        if self._probing_since is None:
            self._opened = self._clock()
            self._new_pause()
        else:
            self._opened, self._probing_since = self._probing_since, None
        self._in_a_row = 0
        self._parts.clear()
        self._period += 1
        self._on_open()

    def gave_up(self, permit: int) -> None:
        """Record that the request was not sent, or that its caller gave up: another request can be the probe."""
        if permit == self._period and self._opened is not None:
            self._probing_since = None

    def _new_pause(self) -> None:
        self._pause = self._settings.interval * self._draw(_SHORTEST, 1)

    def _must_open(self) -> bool:
        """Check the failure rate, and consecutive failures, which detect an outage while the rate is still low."""
        calls = sum(part[1] for part in self._parts)
        failures = sum(part[2] for part in self._parts)
        minimum = self._settings.minimum_calls
        by_rate = calls >= minimum and failures >= calls * self._settings.failure_rate
        return by_rate or self._in_a_row >= _IN_A_ROW * minimum

    def _part(self) -> list[int]:
        """Return the current part of the window as [number, calls, failures], and drop parts that left the window."""
        number = int(self._clock() / self._part_seconds)
        parts = self._parts
        if parts and parts[-1][0] == number:
            return parts[-1]
        while parts and parts[0][0] <= number - _PARTS:
            parts.popleft()
        parts.append([number, 0, 0])
        return parts[-1]
