"""When a failed request is sent again, and after what pause."""

import random
from collections.abc import Callable
from typing import Final

from gateway.call_context import CallContext
from gateway.errors import ErrorKind
from gateway.upstream import outcomes
from gateway.upstream.settings import RetrySettings

_NEVER: Final = frozenset({outcomes.BUSY, outcomes.CIRCUIT_OPEN})
"""Nothing was asked: whoever called has waited already, or is to be answered at once."""


class Retries:
    """The repeats of one provider's requests, with the budget that they share.

    draw: a number between two bounds, for the jitter.
    """

    def __init__(self, settings: RetrySettings, *, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._settings = settings
        self._draw = draw
        self._saved = float(settings.reserve)
        self.made = 0

    @property
    def saved(self) -> float:
        """How many repeats there are left for now."""
        return self._saved

    def earn(self) -> None:
        """A request went well."""
        if self._saved < self._settings.reserve:
            self._saved = min(float(self._settings.reserve), self._saved + self._settings.budget)

    def pause(self, call: CallContext, attempt: int, outcome: ErrorKind, asked: float | None) -> float | None:
        """Seconds until the request is sent again, which `paused` has to follow; None where it is not.

        attempt: how many there were, from 1. asked: seconds for which the upstream asked.
        """
        settings = self._settings
        if attempt >= settings.attempts or call.probe or outcome in _NEVER:
            return None
        if not (outcome.retryable or (outcome.retryable_if_idempotent and call.idempotent)):
            return None
        bound = min(settings.maximum_backoff, settings.initial_backoff * 2 ** (attempt - 1))
        pause = self._draw(0, bound)
        if asked is not None:
            pause += asked
            if asked > settings.maximum_backoff:
                return None
        if pause >= call.remaining() or self._saved < 1:
            return None
        self._saved -= 1
        return pause

    def paused(self, *, again: bool) -> None:
        """The pause is over: the request is sent again, or it is not, and the repeat is left for another."""
        if again:
            self.made += 1
        else:
            self._saved = min(float(self._settings.reserve), self._saved + 1)
