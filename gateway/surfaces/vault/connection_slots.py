"""Limits on the number of connections. Peers that are not authenticated share a part of them.

A connection is authenticated by its first request with a valid credential. One network can hold only a part of the
slots of unauthenticated peers, so that other networks can still connect.
"""

from collections import Counter
from typing import Final

from gateway.server.peer_network import peer_network

_UNAUTHENTICATED_PART: Final = 4
_NETWORK_PART: Final = 4


class ConnectionSlots:
    """The slots of a listener.

    maximum: of connections. At most a quarter can be unauthenticated, and at most a quarter of those of one network.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._unauthenticated = max(1, maximum // _UNAUTHENTICATED_PART)
        self._per_network = max(1, self._unauthenticated // _NETWORK_PART)
        self._networks: Counter[str] = Counter()
        self.open = 0
        self.refused = 0

    def take(self, host: str) -> "ConnectionSlot | None":
        """Return a slot for a new connection from an IP address; None if the connection must be closed."""
        network = peer_network(host)
        if (
            self.open >= self._maximum
            or self._networks.total() >= self._unauthenticated
            or self._networks[network] >= self._per_network
        ):
            self.refused += 1
            return None
        self.open += 1
        self._networks[network] += 1
        return ConnectionSlot(self, network)

    def leave_network(self, network: str) -> None:
        """Stop counting a connection as unauthenticated."""
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]


class ConnectionSlot:
    """The slot of one connection."""

    def __init__(self, slots: ConnectionSlots, network: str) -> None:
        self._slots = slots
        self._network: str | None = network
        self._released = False

    def authenticated(self) -> None:
        """Count the connection as authenticated from now on."""
        if self._network is not None:
            self._slots.leave_network(self._network)
            self._network = None

    def release(self) -> None:
        """Release the slot. Has no effect the second time."""
        if not self._released:
            self._released = True
            self.authenticated()
            self._slots.open -= 1
