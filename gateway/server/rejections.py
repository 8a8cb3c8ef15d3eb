"""Refusals of strangers: calls that end before their sender is known are counted, and a flood of them is slowed down.

One record for a peer, a reason and a second, whatever their number. How long an answer is held back stands in
`pacing.py`.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.audit import events
from gateway.audit.events import Peer
from gateway.server.rpc import Rpc
from gateway.server.tarpit import Pacing

_INTERVAL_SECONDS: Final = 1.0
_MAXIMUM_PEERS: Final = 64
"""Records of one second at most, by peer and reason; the refusals of all others share one for each reason."""

UNKNOWN_METHOD: Final = "unknown"

Keep = Callable[[bytes], object]
"""Puts an event on record; what can't be recorded now it answers with an exception."""


@dataclass(slots=True)
class _Count:
    first: float
    last: float
    methods: dict[str, int] = field(default_factory=dict)


class Refusals:
    """Counts of refusals. keep: takes the event that tells of them. `failed`: what it raises where it can't."""

    def __init__(self, keep: Keep, failed: type[Exception], pacing: Pacing | None = None) -> None:
        self._keep = keep
        self._failed = failed
        self._pacing = pacing or Pacing()
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._flush: asyncio.TimerHandle | None = None

    def add(self, rpc: Rpc, reason: str) -> None:
        """Count one refusal."""
        self._add(_host(rpc.peer), reason, rpc.method.full_name)

    def _add(self, host: str, reason: str, method: str) -> None:
        key = (host, reason)
        if key not in self._counts and len(self._counts) >= _MAXIMUM_PEERS:
            key = ("", reason)
        now = time.time()
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(now, now)
        count.last = now
        count.methods[method] = count.methods.get(method, 0) + 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self.flush)

    async def count(self, rpc: Rpc, reason: str) -> None:
        """Count one refusal, and return when it may be answered."""
        self.add(rpc, reason)
        # What waits holds no more than it must.
        rpc.raw, rpc.request = b"", None
        await self._pacing.turn(_host(rpc.peer))

    async def count_unknown(self, peer: Peer) -> None:
        """Count a call of a method that there is not, and return when it may be answered.

        What the method was called is not kept: there are as many names as anybody cares to send.
        """
        host = _host(peer)
        self._add(host, "UNIMPLEMENTED", UNKNOWN_METHOD)
        await self._pacing.turn(host)

    def answer_at_once(self) -> None:
        """From now on no answer is held back, those that were so far among them."""
        self._pacing.end()

    def flush(self) -> None:
        """Put what was counted on record; what can't be recorded now is kept for the next time."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        while self._counts:
            (peer, reason), count = next(iter(self._counts.items()))
            event = events.refusals(peer, reason, first=count.first, last=count.last, methods=count.methods)
            try:
                self._keep(event)
            except self._failed:
                self._flush = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self.flush)
                return
            self._counts.popitem(last=False)


def _host(peer: Peer) -> str:
    return peer.address.rpartition(":")[0].strip("[]")
