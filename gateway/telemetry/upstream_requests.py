"""Measurements of the requests to one upstream: durations by result, and failures by reason.

The HTTP client of each provider records them, whether or not telemetry is configured.
"""

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions.providers import REQUEST_DURATION
from gateway.telemetry.instruments import DURATION_BOUNDS, Attributes, Histogram, Series
from gateway.telemetry.peer import UpstreamPeer

_BUCKETS: Final = len(DURATION_BOUNDS) + 1


@dataclass(slots=True)
class RequestCounts:
    """Number of requests by duration, and of failed requests by reason. buckets: as in `Distribution.counts`."""

    buckets: list[int] = field(default_factory=lambda: [0] * _BUCKETS)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """The number of requests."""
        return sum(self.buckets)

    def add(self, other: Self) -> None:
        """Add the numbers of `other`."""
        self.buckets = list(map(operator.add, self.buckets, other.buckets))
        self.failures.update(other.failures)

    def since(self, earlier: Self) -> "RequestCounts":
        """Return the difference to an earlier snapshot of the same numbers."""
        buckets = list(map(operator.sub, self.buckets, earlier.buckets))
        return RequestCounts(buckets, self.failures - earlier.failures)

    def quantile(self, share: float) -> float | None:
        """Return an estimate of a quantile in seconds, interpolated within its bucket; None without requests."""
        total = self.total
        if not total:
            return None
        rank, before = share * total, 0
        for low, high, count in zip((0.0, *DURATION_BOUNDS), DURATION_BOUNDS, self.buckets, strict=False):
            if count and before + count >= rank:
                return low + (high - low) * (rank - before) / count
            before += count
        return DURATION_BOUNDS[-1]


class UpstreamRequests:
    """The requests to one upstream since the start."""

    def __init__(self, peer: UpstreamPeer) -> None:
        def attributes(key: tuple[str, int | None, str | None]) -> Attributes:
            return _attributes(peer, key)

        self._durations = Histogram(REQUEST_DURATION, DURATION_BOUNDS, attributes)
        self._failures: Counter[str] = Counter()

    def ended(self, method: str, status: int | None, seconds: float, failure: str | None = None) -> None:
        """Record the end of a request. status: of the response. failure: the `error.type` if there is no response."""
        self._durations.record((method, status, failure), seconds)

    def failed(self, reason: str) -> None:
        """Record that a request failed, in addition to its end."""
        self._failures[reason] += 1

    def read(self) -> Series:
        """Return the durations."""
        return self._durations.read()

    def counts(self) -> RequestCounts:
        """Return the current numbers."""
        return RequestCounts(self._durations.totals(), self._failures.copy())


class RequestDurations:
    """The instrument of the durations of all requests. sources: those of each provider."""

    def __init__(self, sources: Sequence[UpstreamRequests]) -> None:
        self._sources = sources

    def read(self) -> Series:
        """Return the durations."""
        points = [point for source in self._sources for point in source.read().points]
        return Series(REQUEST_DURATION, points, DURATION_BOUNDS)


def _attributes(peer: UpstreamPeer, key: tuple[str, int | None, str | None]) -> Attributes:
    method, status, failure = key
    attributes: dict[str, str | int] = {
        names.HTTP_REQUEST_METHOD: method,
        names.SERVER_ADDRESS: peer.address,
        names.SERVER_PORT: peer.port,
        names.KEYWAY_PROVIDER: peer.provider,
    }
    if status is not None:
        attributes[names.HTTP_RESPONSE_STATUS_CODE] = status
        if failure is None and status >= 400:
            failure = str(status)
    if failure is not None:
        attributes[names.ERROR_TYPE] = failure
    return attributes
