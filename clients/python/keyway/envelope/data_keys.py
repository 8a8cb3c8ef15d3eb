"""Reuse of data keys within bounds. The sealers request the data keys from the gateway."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from keyway.envelope.header import DEFAULT_SEGMENT_SIZE, LARGEST_SEGMENT, SMALLEST_SEGMENT

_GIBIBYTE: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for the use of one data key; the first limit that is reached applies to the next envelope.

    envelopes: with 1, each envelope has its own data key. bytes: of plaintext. seconds: since the request of the key.
    """

    envelopes: int = 1000
    bytes: int = 64 * _GIBIBYTE
    seconds: float = 300.0

    def __post_init__(self) -> None:
        """Raise ValueError for bounds that are not positive."""
        if min(self.envelopes, self.bytes, self.seconds) <= 0:
            raise ValueError("all bounds must be more than 0")


@dataclass(slots=True)
class DataKey:
    """A data key and its use so far."""

    plaintext: bytes = field(repr=False)
    encrypted: str
    made: float
    envelopes: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def used(self, more: int) -> None:
        """Count sealed bytes. Threads can call it at the same time."""
        with self._lock:
            self.bytes += more


class Current:
    """The current data key of one key of the gateway. Threads need a lock around it.

    clock: returns monotonic seconds.
    """

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._key: DataKey | None = None

    def take(self) -> DataKey | None:
        """Return the data key for one more envelope; None if a new data key is required."""
        key, bounds = self._key, self._bounds
        if key is None:
            return None
        age = self._clock() - key.made
        if key.envelopes >= bounds.envelopes or key.bytes >= bounds.bytes or age >= bounds.seconds:
            self._key = None
            return None
        key.envelopes += 1
        return key

    def put(self, plaintext: bytes, encrypted: str, requested: float) -> DataKey:
        """Set a new data key, used by one envelope. requested: the time of the request to the gateway, by `clock`."""
        self._key = DataKey(plaintext, encrypted, requested, envelopes=1)
        return self._key

    def now(self) -> float:
        """Return the time of the clock."""
        return self._clock()


def checked_segment_size(size: int = DEFAULT_SEGMENT_SIZE) -> int:
    """Return `size`. Raise ValueError if the format does not allow it."""
    if not SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT:
        raise ValueError(f"segment_size must be {SMALLEST_SEGMENT} to {LARGEST_SEGMENT} bytes")
    return size
