"""An event loop with a simulated clock: it never waits, and advances the clock to the next timer instead."""

import asyncio
import random
import selectors
import time
from collections.abc import Coroutine
from typing import TypeVar
from unittest import mock

T = TypeVar("T")


class Deadlock(Exception):
    """Every task waits, and no timer is set."""


class _Selector(selectors.SelectSelector):
    now = 0.0

    def read_clock(self) -> float:
        return self.now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock
        self.now += max(0.0, timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Selector) -> None:
        super().__init__(selector)
        self._clock = selector

    def time(self) -> float:
        return self._clock.now


def run(main: Coroutine[object, object, T], seed: int) -> T:
    """Run until `main` ends. `time.monotonic` is the simulated clock, and `random` has the given seed, meanwhile.

    A run with the same seed is the same, event by event.
    """
    selector, before = _Selector(), random.getstate()
    random.seed(seed)
    try:
        with (
            mock.patch.object(time, "monotonic", selector.read_clock),
            asyncio.Runner(loop_factory=lambda: _Loop(selector)) as runner,
        ):
            return runner.run(main)
    finally:
        random.setstate(before)
