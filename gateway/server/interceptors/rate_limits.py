"""How many calls are served at a time: of all callers together, and of each one.

A caller's calls are counted in a bucket that fills at its rate, without a timer. Not for several threads at once.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from gateway.authz.principals import caller_id
from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.errors import CALLER_RATE_LIMITED, SERVER_BUSY, GatewayError
from gateway.identity.caller import ANONYMOUS, Caller, Kind

_NOBODY: Final = ANONYMOUS.kind


class Limits:
    """The limits of a server. clock: seconds that only grow."""

    def __init__(self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._places = _Places(settings.server_concurrency)
        self._callers: OrderedDict[tuple[Kind, str], _CallersPlaces] = OrderedDict()

    def admit(self, caller: Caller) -> AbstractContextManager[None]:
        """A place for one call, held within `with`; a GatewayError on entering where there is none.

        To be entered at once. Without identity, only the server's own limit holds.
        """
        if caller.kind == _NOBODY:
            return self._places
        key = (caller.kind, caller.name)
        places = self._callers.get(key)
        if places is None:
            return self._new(key, caller)
        self._callers.move_to_end(key)
        return places

    @property
    def active(self) -> int:
        """Calls in progress."""
        return self._places.active

    @property
    def remembered(self) -> int:
        """Callers whose limits are kept track of."""
        return len(self._callers)

    def _new(self, key: tuple[Kind, str], caller: Caller) -> "_CallersPlaces":
        if len(self._callers) >= self._settings.remembered_callers:
            self._forget_one()
        limits = self._settings.callers.get(caller_id(caller), self._settings.caller)
        places = self._callers[key] = _CallersPlaces(limits, self._places, self._clock)
        return places

    def _forget_one(self) -> None:
        """The idle caller that was away the longest. Where none is idle, all have calls, whose number is bounded."""
        idle = next((key for key, places in self._callers.items() if not places.active), None)
        if idle is not None:
            del self._callers[idle]


class _Places:
    """Places for the calls of all callers together."""

    __slots__ = ("_maximum", "active")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._maximum:
            raise GatewayError(SERVER_BUSY, f"the gateway serves {self._maximum} calls at once, and no more now")
        self.active += 1

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.active -= 1


class _CallersPlaces:
    """Places for the calls of one caller, each of which is one of the server's too."""

    __slots__ = ("_clock", "_filled", "_limits", "_server", "_tokens", "active")

    def __init__(self, limits: CallerLimits, server: _Places, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._server = server
        self._clock = clock
        self._tokens = float(limits.burst)
        self._filled = clock()
        self.active = 0

    def __enter__(self) -> None:
        limits = self._limits
        if self.active >= limits.concurrency:
            raise GatewayError(
                CALLER_RATE_LIMITED, f"the caller has {limits.concurrency} calls in progress, and may have no more"
            )
        now = self._clock()
        tokens = min(limits.burst, self._tokens + (now - self._filled) * limits.rate)
        self._filled = now
        if tokens < 1:
            self._tokens = tokens
            raise GatewayError(
                CALLER_RATE_LIMITED,
                f"the caller may make {limits.rate:g} calls a second",
                # Rounded up to the milliseconds that a caller is told, so that it does not come a moment too soon.
                retry_after=math.ceil((1 - tokens) / limits.rate * 1000) / 1000,
            )
        # Refused by the server's limit, a call costs its caller nothing.
        self._tokens = tokens
        self._server.__enter__()
        self._tokens = tokens - 1
        self.active += 1

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.active -= 1
        self._server.active -= 1
