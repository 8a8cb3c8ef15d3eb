"""Which data key seals an envelope: how often one is used again, and when it is time for another.

Responsible for the bounds alone; the gateway is asked by whoever has a client, sync or not.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from keyway.envelope.header import DEFAULT_SEGMENT_SIZE, LARGEST_SEGMENT, SMALLEST_SEGMENT

_GIBIBYTE: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one data key seals, whichever comes first; an envelope that was begun is finished.

    envelopes, bytes: in all; 1 envelope makes each have a data key of its own. seconds: since the gateway made it.
    """

    envelopes: int = 1000
    bytes: int = 64 * _GIBIBYTE
    seconds: float = 300.0

    def __post_init__(self) -> None:
        """ValueError for bounds that nothing keeps."""
        if min(self.envelopes, self.bytes, self.seconds) <= 0:
            raise ValueError("bounds: more than 0 each")


@dataclass(slots=True)
class DataKey:
    """A data key and what it has sealed so far."""

    plaintext: bytes = field(repr=False)
    encrypted: str
    made: float
    envelopes: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def used(self, more: int) -> None:
        """Count bytes as they are sealed, by as many threads as seal."""
        with self._lock:
            self.bytes += more


class Current:
    """The data key in use, of one key of the gateway's. Whoever shares one takes care of threads.

    clock: seconds that only grow.
    """

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._key: DataKey | None = None

    def take(self) -> DataKey | None:
        """The key for one more envelope; None: another one has to be made."""
        key, bounds = self._key, self._bounds
        if key is None:
            return None
        age = self._clock() - key.made
        if key.envelopes >= bounds.envelopes or key.bytes >= bounds.bytes or age >= bounds.seconds:
            self._key = None
            return None
        key.envelopes += 1
        return key

    def put(self, plaintext: bytes, encrypted: str, asked: float) -> DataKey:
        """A new key, in use by one envelope. asked: when, by `clock`, the gateway was asked for it."""
        self._key = DataKey(plaintext, encrypted, asked, envelopes=1)
        return self._key

    def now(self) -> float:
        """By the clock."""
        return self._clock()


def checked_segment_size(size: int = DEFAULT_SEGMENT_SIZE) -> int:
    """ValueError for one that the format does not have."""
    if not SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT:
        raise ValueError(f"segment_size: {SMALLEST_SEGMENT} to {LARGEST_SEGMENT} bytes")
    return size
