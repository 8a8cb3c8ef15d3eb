"""The certificates that a worker still watches although they have no readers."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

MAXIMUM_LINGERING: Final = 10_000
_PRECISION: Final = 0.001


class Lingering:
    """Names without readers, at most MAXIMUM_LINGERING. The oldest are forgotten first.

    seconds: for which a name is kept. forget: receives the names that are kept no longer.
    """

    def __init__(self, seconds: float, forget: Callable[[Collection[str]], None]) -> None:
        self._seconds = seconds
        self._forget = forget
        self._ends: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, name: str) -> None:
        """Keep a name that has lost its last reader."""
        self._ends.pop(name, None)
        self._ends[name] = asyncio.get_running_loop().time() + self._seconds
        if len(self._ends) > MAXIMUM_LINGERING:
            oldest = next(iter(self._ends))
            del self._ends[oldest]
            self._forget([oldest])
        self._schedule()

    def discard(self, name: str) -> None:
        """Release a name that has a reader again."""
        self._ends.pop(name, None)

    def _schedule(self) -> None:
        if self._timer is None and self._ends:
            self._timer = asyncio.get_running_loop().call_at(next(iter(self._ends.values())), self._run)

    def _run(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time() + _PRECISION
        ended = []
        for name, end in self._ends.items():
            if end > now:
                break
            ended.append(name)
        for name in ended:
            del self._ends[name]
        if ended:
            self._forget(ended)
        self._schedule()
