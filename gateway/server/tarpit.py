"""A tarpit that delays responses to rejected calls: it limits their rate per peer, and for all peers together.

A client that waits for a response sends no further call meanwhile. The rate therefore bounds the cost of a flood,
whatever number of streams and connections it uses. The tarpit for unauthenticated peers does not affect authenticated
callers, even from the same address. Rejections of authenticated callers also leave records: they have a second tarpit.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.server.peer_network import peer_network

_PEER_RATE: Final = 20.0
_TOTAL_RATE: Final = 100.0
"""Responses per second. After an idle second, that many responses are immediate."""
_MAXIMUM_PEERS: Final = 1024
"""Peers that are tracked separately. Only the total rate limits further peers."""
_MAXIMUM_DELAYED: Final = 2000
"""Delayed responses, each of which takes memory. Further responses are immediate."""
_MAXIMUM_DELAY_SECONDS: Final = 30.0


class Tarpit:
    """Delays responses. peer_rate, total_rate: responses per second. clock: returns monotonic seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        peer_rate: float = _PEER_RATE,
        total_rate: float = _TOTAL_RATE,
    ) -> None:
        self._clock = clock
        self._peer_rate = peer_rate
        self._total_rate = total_rate
        self._next = float("-inf")
        self._peers: OrderedDict[str, float] = OrderedDict()
        self._delayed: set[asyncio.Future[None]] = set()
        self._stopped = False

    @property
    def delayed(self) -> int:
        """Number of responses that are delayed now."""
        return len(self._delayed)

    @property
    def tracked_peers(self) -> int:
        """Number of peers that are tracked separately now."""
        return len(self._peers)

    def delay(self, peer: str) -> float:
        """Return the seconds to delay the next response to a peer, and count the response. peer: an IP address."""
        now = self._clock()
        self._next = _next_slot(self._next, now, self._total_rate)
        wait = self._next - now
        network = peer_network(peer)
        if network in self._peers or self._has_room(now):
            self._peers[network] = due = _next_slot(self._peers.get(network, float("-inf")), now, self._peer_rate)
            self._peers.move_to_end(network)
            wait = max(wait, due - now)
        return min(max(wait, 0.0), _MAXIMUM_DELAY_SECONDS)

    async def delay_response(self, peer: str) -> None:
        """Return when the gateway may respond to a peer; immediately after `stop`."""
        seconds = self.delay(peer)
        if seconds == 0.0 or self._stopped or len(self._delayed) >= _MAXIMUM_DELAYED:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _release, future)
        self._delayed.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._delayed.discard(future)

    def stop(self) -> None:
        """Release all delayed responses, and delay no more."""
        self._stopped = True
        for future in self._delayed:
            _release(future)

    def _has_room(self, now: float) -> bool:
        """Forget the peers that were idle for a second, and return whether one more peer can be tracked."""
        while self._peers and next(iter(self._peers.values())) <= now - 1.0:
            self._peers.popitem(last=False)
        return len(self._peers) < _MAXIMUM_PEERS


def _next_slot(slot: float, now: float, rate: float) -> float:
    """Return the time of the next response. Idle time counts for at most one second."""
    return max(slot, now - 1.0) + 1.0 / rate


def _release(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
