"""The retry policy of one provider: which requests are retried, and after which pause."""

import random
from collections.abc import Callable
from typing import Final

from gateway.call_context import CallContext
from gateway.errors import ErrorKind
from gateway.upstream import outcomes
from gateway.upstream.settings import RetrySettings

_NEVER: Final = frozenset({outcomes.BUSY, outcomes.CIRCUIT_OPEN})
"""Never retried: the caller has waited in the queue already, or must fail immediately."""


class Retries:
    """Decides about retries, and keeps the retry budget that all requests of the provider share.

    draw: returns a random number between two bounds, for the jitter.
    """

    def __init__(self, settings: RetrySettings, *, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._settings = settings
        self._draw = draw
        self._saved = float(settings.reserve)
        self.made = 0

    @property
    def saved(self) -> float:
        """Return the retry budget: how many retries are left."""
        return self._saved

    def earn(self) -> None:
        """Add to the budget after a successful request."""
        if self._saved < self._settings.reserve:
            self._saved = min(float(self._settings.reserve), self._saved + self._settings.budget)

    def pause(self, call: CallContext, attempt: int, kind: ErrorKind, requested: float | None) -> float | None:
        """Return the seconds before the next attempt; None for no retry. The caller must call `paused` afterwards.

        attempt: number of attempts so far, from 1. requested: delay that the upstream requested, in seconds.
        """
        settings = self._settings
        if attempt >= settings.attempts or call.probe or call.background or kind in _NEVER:
            return None
        if not (kind.retryable or (kind.retryable_if_idempotent and call.idempotent)):
            return None
        bound = min(settings.maximum_backoff, settings.initial_backoff * 2 ** (attempt - 1))
        pause = self._draw(0, bound)
        if requested is not None:
            pause += requested
            if requested > settings.maximum_backoff:
                return None
        if pause >= call.remaining() or self._saved < 1:
            return None
        self._saved -= 1
        return pause

    def paused(self, *, again: bool) -> None:
        """End the pause. again: whether the retry is made; otherwise it returns to the budget."""
        if again:
            self.made += 1
        else:
            self._saved = min(float(self._settings.reserve), self._saved + 1)
