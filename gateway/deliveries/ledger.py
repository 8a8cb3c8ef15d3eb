"""The ledger: the latest delivery of each secret to each node, in memory."""

import enum
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

MAXIMUM_DISCONNECTED: Final = 10_000
"""Deliveries to nodes without a stream that are kept. The caller with the most of them loses its oldest one first, so
that a caller that changes its node ID does not displace the deliveries of others."""


class DeliveryState(enum.Enum):
    """The state of a delivery. The values are those of metrics and audit records."""

    WAITING = "waiting"
    """The gateway has not answered yet."""
    SENT = "sent"
    """The node has not confirmed the version that the gateway sent."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MISSING = "missing"
    """The upstream does not have the secret, or the name is unknown."""
    DENIED = "denied"
    UNSENDABLE = "unsendable"
    """The upstream has content that the gateway does not send, such as a private key of another certificate."""
    UNAVAILABLE = "unavailable"
    """The gateway could not read the secret, and will retry."""


class DeliveryKey(NamedTuple):
    """What a delivery is about. caller: the caller ID. node: as the node names itself. secret: as it requests it."""

    caller: str
    node: str
    secret: str


@dataclass(slots=True)
class Delivery:
    """The latest delivery of a secret to a node.

    resource: the full name of the resource; empty for an unknown name. streams: the open streams that subscribe to it.
    sent, accepted, rejected: the versions. sent_at, changed_at: seconds since 1970; 0 if nothing was sent.
    """

    resource: str
    address: str = ""
    state: DeliveryState = DeliveryState.WAITING
    sent: str = ""
    accepted: str = ""
    rejected: str = ""
    sent_at: float = 0.0
    changed_at: float = 0.0
    streams: int = 0


class DeliveryLedger:
    """The deliveries of one process. Entries of nodes that have disconnected are kept, within a limit.

    shared: whether the deliveries are reported to the other workers of the gateway.
    """

    def __init__(self, *, shared: bool = False, maximum_disconnected: int = MAXIMUM_DISCONNECTED) -> None:
        self._shared = shared
        self._unreported: set[DeliveryKey] = set()
        self._others: dict[int, dict[DeliveryKey, Delivery]] = {}
        self._entries: dict[DeliveryKey, Delivery] = {}
        self._disconnected = DisconnectedNodes(maximum_disconnected)

    @property
    def entries(self) -> Mapping[DeliveryKey, Delivery]:
        """The deliveries of this process."""
        return self._entries

    def all_entries(self) -> Mapping[DeliveryKey, Delivery]:
        """Return the deliveries of all workers. A node that has connected to another worker counts there."""
        found = dict(self._entries)
        for entries in self._others.values():
            for key, delivery in entries.items():
                known = found.get(key)
                if known is None or _precedence(delivery) > _precedence(known):
                    found[key] = delivery
        return found

    def collect(self) -> Mapping[DeliveryKey, Delivery | None]:
        """Return the changes since the last call of this method; None for a delivery that is forgotten."""
        changes = {key: self._entries.get(key) for key in self._unreported}
        self._unreported.clear()
        return changes

    def receive(self, worker: int, changes: Mapping[DeliveryKey, Delivery | None] | None) -> None:
        """Take the changes of another worker; None if it has ended."""
        if changes is None:
            self._others.pop(worker, None)
            return
        merge(self._others.setdefault(worker, {}), changes)

    def changed(self, key: DeliveryKey, state: DeliveryState | None = None) -> None:
        """Set the state of a delivery, or only report that it has changed."""
        if state is not None:
            entry = self._entries[key]
            entry.state = state
            entry.changed_at = time.time()
        if self._shared:
            self._unreported.add(key)

    def open(self, key: DeliveryKey, resource: str, address: str) -> Delivery:
        """Return the delivery of a secret that a stream subscribes to."""
        entry = self._entries.get(key)
        if entry is None or entry.resource != resource:
            entry = self._entries[key] = Delivery(resource, streams=entry.streams if entry is not None else 0)
        entry.address = address
        entry.streams += 1
        self._disconnected.discard(key)
        self.changed(key)
        return entry

    def close(self, key: DeliveryKey) -> None:
        """End the subscription of one stream."""
        entry = self._entries[key]
        entry.streams -= 1
        self.changed(key)
        if entry.streams:
            return
        if not entry.accepted:
            del self._entries[key]  # the node holds no version
            return
        forgotten = self._disconnected.add(key)
        if forgotten is not None:
            del self._entries[forgotten]
            self.changed(forgotten)

    def counts(self) -> Iterator[tuple[DeliveryState, int]]:
        """Yield each state with the number of its deliveries to connected nodes."""
        counted = Counter(entry.state for entry in self._entries.values() if entry.streams)
        for state in DeliveryState:
            yield state, counted[state]


class DisconnectedNodes:
    """The deliveries to nodes without a stream, by caller, the oldest first. maximum: of all callers together."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._total = 0
        self._callers: dict[str, dict[DeliveryKey, None]] = {}

    def add(self, key: DeliveryKey) -> DeliveryKey | None:
        """Add a delivery. Return the one that is forgotten for it; None if there is room."""
        self._callers.setdefault(key.caller, {})[key] = None
        self._total += 1
        if self._total <= self._maximum:
            return None
        largest: dict[DeliveryKey, None] = max(self._callers.values(), key=len)
        forgotten = next(iter(largest))
        self.discard(forgotten)
        return forgotten

    def discard(self, key: DeliveryKey) -> None:
        """Remove a delivery if it is there."""
        own = self._callers.get(key.caller, {})
        if key in own:
            del own[key]
            self._total -= 1
            if not own:
                del self._callers[key.caller]


def merge(entries: dict[DeliveryKey, Delivery], changes: Mapping[DeliveryKey, Delivery | None]) -> None:
    """Apply changes to deliveries."""
    for key, delivery in changes.items():
        if delivery is None:
            entries.pop(key, None)
        else:
            entries[key] = delivery


def _precedence(delivery: Delivery) -> tuple[bool, float]:
    return delivery.streams > 0, delivery.changed_at
