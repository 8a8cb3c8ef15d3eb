"""A queue of work that is too long for one turn of the event loop: each turn does one step of one piece of work."""

import asyncio
from collections import deque
from collections.abc import Callable

Step = Callable[[], bool]


class TurnQueue:
    """Work of one provider. Several pieces of work take turns, and the event loop does other work between two steps."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Step] = deque()

    def add(self, step: Step) -> None:
        """Call `step` once per turn of this work, until it returns False."""
        self._waiting.append(step)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        step = self._waiting.popleft()
        try:
            if step():
                self._waiting.append(step)
        finally:
            if self._waiting:
                self._loop.call_soon(self._turn)
