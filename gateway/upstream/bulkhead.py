"""How many requests of one provider run at once, and who is next where more would.

A provider that is slow holds only so many calls, and no call keeps all others waiting: each RPC has a lane of its own,
and a place that gets free goes to the lanes in turn. The items of a batch share one lane. Where the queue is full, the
longest lane gives way to one that has nobody in it.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final


class QueueFull(Exception):
    """Nobody else may wait."""


class Dismissed(Exception):
    """All who wait were told to go."""


_GO: Final = 1
_GIVE_WAY: Final = 2
_LEAVE: Final = 3


class Bulkhead:
    """Places, and lanes of those who wait for one."""

    def __init__(self, places: int, queue: int) -> None:
        self._places = places
        self._free = places
        self._size = queue
        self._lanes: OrderedDict[str, deque[asyncio.Future[int]]] = OrderedDict()
        self.queued = 0

    @property
    def taken(self) -> int:
        """Places in use."""
        return self._places - self._free

    def enter(self) -> bool:
        """Take a place, if there is one for which nobody waits."""
        if self._free and not self.queued:
            self._free -= 1
            return True
        return False

    async def wait(self, lane: str, seconds: float) -> None:
        """Take a place when it is this lane's turn. Raises QueueFull, Dismissed, or TimeoutError."""
        if self.queued >= self._size:
            self._make_room(lane)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        self.queued += 1
        try:
            async with asyncio.timeout(seconds):
                told = await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                if turn.result() == _GO:
                    self.leave()  # it came too late
            else:
                self._forget(lane, turn)
            raise
        if told == _GIVE_WAY:
            raise QueueFull
        if told == _LEAVE:
            raise Dismissed

    def leave(self) -> None:
        """Give a place back: to the next lane's first, if any."""
        while self._lanes:
            lane, waiting = self._lanes.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._lanes[lane] = waiting
            self.queued -= 1
            if not turn.done():
                turn.set_result(_GO)
                return
        self._free += 1

    def dismiss(self) -> None:
        """Tell all who wait to go."""
        lanes, self._lanes = self._lanes, OrderedDict()
        self.queued = 0
        for turn in (turn for waiting in lanes.values() for turn in waiting):
            if not turn.done():
                turn.set_result(_LEAVE)

    def _make_room(self, lane: str) -> None:
        longest = max(self._lanes, key=lambda name: len(self._lanes[name]), default=lane)
        if lane in self._lanes or len(self._lanes.get(longest, ())) < 2:
            raise QueueFull
        turn = self._lanes[longest].pop()
        self.queued -= 1
        if not turn.done():
            turn.set_result(_GIVE_WAY)

    def _forget(self, lane: str, turn: "asyncio.Future[int]") -> None:
        waiting = self._lanes.get(lane)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            self.queued -= 1
            if not waiting:
                del self._lanes[lane]
