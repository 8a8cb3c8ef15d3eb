"""The bulkhead of one provider: a limit for concurrent requests, and a fair queue of requests that wait.

A slow provider occupies a bounded number of calls. Each RPC has its own lane in the queue, and a free slot goes to the
lanes in turn, so that no call delays all others. The items of a batch share one lane. If the queue is full, the last
request of the longest lane makes room for a lane that has no request in the queue.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final


class QueueFull(Exception):
    """The queue is full."""


class Dismissed(Exception):
    """All waiting requests were dismissed because the circuit breaker opened."""


_GRANTED: Final = 1
_DISPLACED: Final = 2
_DISMISSED: Final = 3


class Bulkhead:
    """The slots of one provider, and the lanes of requests that wait for a slot."""

    def __init__(self, slots: int, queue: int) -> None:
        self._slots = slots
        self._free = slots
        self._size = queue
        self._lanes: OrderedDict[str, deque[asyncio.Future[int]]] = OrderedDict()
        self.queued = 0

    @property
    def taken(self) -> int:
        """Return the number of slots in use."""
        return self._slots - self._free

    def enter(self) -> bool:
        """Take a slot if one is free and no request waits. Return whether a slot was taken."""
        if self._free and not self.queued:
            self._free -= 1
            return True
        return False

    async def wait(self, lane: str, seconds: float) -> None:
        """Wait until it is the turn of this lane, and take a slot. Raises QueueFull, Dismissed, or TimeoutError."""
        if self.queued >= self._size:
            self._make_room(lane)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        self.queued += 1
        try:
            async with asyncio.timeout(seconds):
                result = await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                if turn.result() == _GRANTED:
                    self.leave()  # the slot was granted after the wait had ended
            else:
                self._forget(lane, turn)
            raise
        if result == _DISPLACED:
            raise QueueFull
        if result == _DISMISSED:
            raise Dismissed

    def leave(self) -> None:
        """Return a slot; it goes to the first request of the next lane, if any."""
        while self._lanes:
            lane, waiting = self._lanes.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._lanes[lane] = waiting
            self.queued -= 1
            if not turn.done():
                turn.set_result(_GRANTED)
                return
        self._free += 1

    def dismiss(self) -> None:
        """End the wait of all requests with Dismissed."""
        lanes, self._lanes = self._lanes, OrderedDict()
        self.queued = 0
        for turn in (turn for waiting in lanes.values() for turn in waiting):
            if not turn.done():
                turn.set_result(_DISMISSED)

    def _make_room(self, lane: str) -> None:
        longest = max(self._lanes, key=lambda name: len(self._lanes[name]), default=lane)
        if lane in self._lanes or len(self._lanes.get(longest, ())) < 2:
            raise QueueFull
        turn = self._lanes[longest].pop()
        self.queued -= 1
        if not turn.done():
            turn.set_result(_DISPLACED)

    def _forget(self, lane: str, turn: "asyncio.Future[int]") -> None:
        waiting = self._lanes.get(lane)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            self.queued -= 1
            if not waiting:
                del self._lanes[lane]
