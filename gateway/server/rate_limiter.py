"""Limits on calls: the rate and the concurrency of each caller, and the concurrency of the whole server.

A caller's rate is a token bucket that is refilled when the caller makes a call, so it needs no timer. Each rejected
call may be retried at another time, when there is a token for it. If all were retried at the same time, one would be
admitted, and the others rejected again: the number of attempts would grow with the square of the number of calls. Not
thread-safe.
"""

import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Final

from gateway.authz.principals import caller_id
from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.contract.spelling import nfc
from gateway.errors import CALLER_RATE_LIMITED, SERVER_BUSY, GatewayError
from gateway.identity.caller import ANONYMOUS, POLLER, Caller, Kind

_ANONYMOUS_KIND: Final = ANONYMOUS.kind
_INTERNAL_KIND: Final = POLLER.kind
_ROUNDING: Final = 1e-6
"""How much of a token can be missing at the time when it should be there, because of rounding."""
_LONGEST_SPREAD: Final = 10.0
"""Seconds over which retries are spread. With more rejected calls, several have the same token."""


class RateLimiter:
    """The limits of one server. clock: returns monotonic seconds."""

    def __init__(self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._limits = {nfc(name): limits for name, limits in settings.callers.items()}
        self._clock = clock
        self._server = ConcurrencyLimiter(settings.server_concurrency)
        self._callers: OrderedDict[tuple[Kind, str], CallerLimiter] = OrderedDict()

    def admit(self, caller: Caller) -> AbstractContextManager[None]:
        """Return a context manager that covers one call. Entering it raises GatewayError if a limit is reached.

        Enter it immediately. Anonymous callers have only the limit of the server. Calls of the gateway itself are not
        limited and do not count toward limits, so that they cannot use up the limits of callers.
        """
        if caller.kind == _INTERNAL_KIND:
            return nullcontext()
        if caller.kind == _ANONYMOUS_KIND:
            return self._server
        key = (caller.kind, caller.name)
        limiter = self._callers.get(key)
        if limiter is None:
            return self._new(key, caller)
        self._callers.move_to_end(key)
        return limiter

    @property
    def active(self) -> int:
        """Number of calls in progress."""
        return self._server.active

    @property
    def remembered(self) -> int:
        """Number of callers with a limiter in memory."""
        return len(self._callers)

    def _new(self, key: tuple[Kind, str], caller: Caller) -> "CallerLimiter":
        if len(self._callers) >= self._settings.remembered_callers:
            self._forget_one()
        limits = self._limits.get(nfc(caller_id(caller)), self._settings.caller)
        limiter = self._callers[key] = CallerLimiter(limits, self._server, self._clock)
        return limiter

    def _forget_one(self) -> None:
        """Forget the idle caller whose last call is the oldest.

        If no caller is idle, nothing is forgotten: the concurrency limit bounds the number of active callers.
        """
        idle = next((key for key, limiter in self._callers.items() if not limiter.active), None)
        if idle is not None:
            del self._callers[idle]


class ConcurrencyLimiter:
    """The maximum number of concurrent calls of all callers together."""

    __slots__ = ("_maximum", "active")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._maximum:
            raise GatewayError(SERVER_BUSY, f"server concurrency limit {self._maximum} reached")
        self.active += 1

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.active -= 1


class CallerLimiter:
    """The rate and the concurrency of one caller. Each of its calls also counts for the server."""

    __slots__ = ("_clock", "_filled_at", "_limits", "_reserved_until", "_server", "_tokens", "active")

    def __init__(self, limits: CallerLimits, server: ConcurrencyLimiter, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._server = server
        self._clock = clock
        self._tokens = float(limits.burst)
        self._filled_at = clock()
        self._reserved_until = -math.inf
        self.active = 0

    def __enter__(self) -> None:
        limits = self._limits
        if self.active >= limits.concurrency:
            raise GatewayError(CALLER_RATE_LIMITED, f"caller concurrency limit {limits.concurrency} reached")
        now = self._clock()
        tokens = min(limits.burst, self._tokens + (now - self._filled_at) * limits.rate)
        self._filled_at = now
        # A call that the server's limit rejects costs no token.
        self._tokens = tokens
        if tokens < 1 - _ROUNDING:
            raise self._rate_exceeded(now)
        self._server.__enter__()
        self._tokens = tokens - 1
        self.active += 1

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.active -= 1
        self._server.active -= 1

    def _rate_exceeded(self, now: float) -> GatewayError:
        rate = self._limits.rate
        first = now + (1 - self._tokens) / rate
        retry = max(first, self._reserved_until + 1 / rate)
        if retry <= first + _LONGEST_SPREAD:
            self._reserved_until = retry
        else:
            retry = first + random.uniform(0, _LONGEST_SPREAD)  # noqa: S311 - no secret
        # Rounded up to milliseconds, the unit of RetryInfo here, so that a retry does not arrive too early.
        retry_after = math.ceil((retry - now) * 1000) / 1000
        message = f"caller rate limit of {rate:g} calls per second reached"
        return GatewayError(CALLER_RATE_LIMITED, message, retry_after=retry_after)
