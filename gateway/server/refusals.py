"""Refusals of strangers: calls that end before their sender is known are counted, and a flood of them is slowed down.

One record for a peer, a reason and a second, whatever their number; a peer that is refused again and again gets its
answers late, so that it can't keep the gateway busy by asking faster.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.audit import events
from gateway.server.rpc import Rpc

_INTERVAL_SECONDS: Final = 1.0
_MAXIMUM_PEERS: Final = 256
"""Records of one second at most, by peer and reason; the refusals of all others share one for each reason."""
_FREE_REFUSALS: Final = 20
"""So many refusals of one peer in a second are answered at once."""
_DELAY_SECONDS: Final = 1.0
_MAXIMUM_DELAYED: Final = 2000
"""More answers than these are not held back: each holds a little memory."""

Keep = Callable[[bytes], object]
"""Puts an event on record; what can't be recorded now it answers with an exception."""


@dataclass(slots=True)
class _Count:
    first: float
    last: float
    methods: dict[str, int] = field(default_factory=dict)


class Refusals:
    """Counts of refusals. keep: takes the event that tells of them. `failed`: what it raises where it can't."""

    def __init__(self, keep: Keep, failed: type[Exception]) -> None:
        self._keep = keep
        self._failed = failed
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._by_peer: dict[str, int] = {}
        self._flush: asyncio.TimerHandle | None = None
        self._delayed = 0

    def add(self, rpc: Rpc, reason: str) -> int:
        """Count one refusal; answers how many the peer had in this second, itself included."""
        peer = rpc.peer.address.rpartition(":")[0].strip("[]")
        key = (peer, reason)
        if key not in self._counts and len(self._counts) >= _MAXIMUM_PEERS:
            key = ("", reason)
        now = time.time()
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(now, now)
        count.last = now
        count.methods[rpc.method.full_name] = count.methods.get(rpc.method.full_name, 0) + 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self.flush)
        self._by_peer[key[0]] = self._by_peer.get(key[0], 0) + 1
        return self._by_peer[key[0]]

    async def count(self, rpc: Rpc, reason: str) -> None:
        """Count one refusal, and return when it may be answered."""
        number = self.add(rpc, reason)
        if number > _FREE_REFUSALS and self._delayed < _MAXIMUM_DELAYED:
            rpc.raw, rpc.request = b"", None
            self._delayed += 1
            try:
                await asyncio.sleep(_DELAY_SECONDS)
            finally:
                self._delayed -= 1

    def flush(self) -> None:
        """Put what was counted on record; what can't be recorded now is kept for the next time."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._by_peer.clear()
        while self._counts:
            (peer, reason), count = next(iter(self._counts.items()))
            event = events.refusals(peer, reason, first=count.first, last=count.last, methods=count.methods)
            try:
                self._keep(event)
            except self._failed:
                self._flush = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self.flush)
                return
            self._counts.popitem(last=False)
