"""How fast strangers get their answers: at a pace for each peer, and at one for all of them together.

Who waits for an answer asks no more meanwhile: so a flood costs no more than its pace, through however many streams and
connections it comes. Those who show who they are have nothing to do with that, whatever address they share with
strangers; but what is refused to them comes at a pace of its own, for each refusal leaves its records.
"""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_PEERS_RATE: Final = 20.0
_RATE: Final = 100.0
"""Answers a second. As many at once are given after a rest of a second."""
_MAXIMUM_PEERS: Final = 1024
"""So many are told apart; for all others only the common pace holds."""
_MAXIMUM_DELAYED: Final = 2000
"""More answers are not held back: each holds some memory."""
_LONGEST_SECONDS: Final = 30.0
_NETWORK_BITS: Final = 64
"""Of an IPv6 address: who has one such address has the whole network."""


class Pacing:
    """Holds answers back. peers_rate, rate: answers a second to one peer and to all. clock: seconds that only grow."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, peers_rate: float = _PEERS_RATE, rate: float = _RATE
    ) -> None:
        self._clock = clock
        self._peers_rate = peers_rate
        self._rate = rate
        self._next = float("-inf")
        self._peers: OrderedDict[str, float] = OrderedDict()
        self._waiting: set[asyncio.Future[None]] = set()
        self._ended = False

    @property
    def waiting(self) -> int:
        """Answers that are held back."""
        return len(self._waiting)

    @property
    def remembered(self) -> int:
        """Peers that are told apart now."""
        return len(self._peers)

    def delay(self, peer: str) -> float:
        """Seconds for which the next answer to this peer, an IP address, is to be held back; counts it as given."""
        now = self._clock()
        self._next = _following(self._next, now, self._rate)
        wait = self._next - now
        network = _network(peer)
        if network in self._peers or self._room(now):
            self._peers[network] = due = _following(self._peers.get(network, float("-inf")), now, self._peers_rate)
            self._peers.move_to_end(network)
            wait = max(wait, due - now)
        return min(max(wait, 0.0), _LONGEST_SECONDS)

    async def turn(self, peer: str) -> None:
        """Return when an answer may be given to this peer; at once after `end`."""
        seconds = self.delay(peer)
        if seconds == 0.0 or self._ended or len(self._waiting) >= _MAXIMUM_DELAYED:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _finish, future)
        self._waiting.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.discard(future)

    def end(self) -> None:
        """Hold nothing back any more."""
        self._ended = True
        for future in self._waiting:
            _finish(future)

    def _room(self, now: float) -> bool:
        """Whether one more peer can be told apart, once those are forgotten that have rested longest."""
        while self._peers and next(iter(self._peers.values())) <= now - 1.0:
            self._peers.popitem(last=False)
        return len(self._peers) < _MAXIMUM_PEERS


def _following(due: float, now: float, rate: float) -> float:
    """When the next answer is due: a rest counts for no more than a second's answers."""
    return max(due, now - 1.0) + 1.0 / rate


def _network(peer: str) -> str:
    if ":" not in peer:
        return peer
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    if (inner := address.ipv4_mapped) is not None:
        return str(inner)
    return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
