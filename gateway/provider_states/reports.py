"""Messages about the state of the providers between the processes of a gateway, and their encoding.

A worker sends ProviderReports, and receives ProviderSnapshots. A parser accepts only the known encoding, and raises
ValueError, TypeError, or KeyError otherwise.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from gateway.telemetry.instruments import DURATION_BOUNDS
from gateway.telemetry.upstream_requests import RequestCounts
from gateway.upstream.breaker import BreakerState
from keyway.v1.provider_pb2 import ProviderState

_BUCKETS: Final = len(DURATION_BOUNDS) + 1
_MOST_REQUESTS: Final = 2**32
"""In one report. The sum of the reports of all workers in the window has another limit."""
_MOST_OF_ALL: Final = 2**62
_LATEST: Final = 2**62
"""Nanoseconds since 1970, in the year 2116."""


class ProviderCheck(NamedTuple):
    """The result of a health check. ended_at: nanoseconds since 1970. state, reason: as in the contract."""

    ended_at: int
    state: ProviderState.ValueType
    reason: str


@dataclass(slots=True)
class ProviderReport:
    """The state of a provider in one worker. requests: since the last report. check: the latest one, if any."""

    breaker: BreakerState
    requests: RequestCounts
    check: ProviderCheck | None = None


@dataclass(slots=True)
class ProviderSnapshot:
    """The state of a provider over all workers. breakers: by worker number. seconds: the time that `requests` cover."""

    breakers: dict[int, BreakerState] = field(default_factory=dict)
    seconds: int = 0
    requests: RequestCounts = field(default_factory=RequestCounts)
    check: ProviderCheck | None = None

    @property
    def breaker(self) -> BreakerState:
        """The most severe state over all workers."""
        return max(self.breakers.values(), default=BreakerState.CLOSED)

    @property
    def open_workers(self) -> int:
        """The number of workers whose breaker is not closed."""
        return sum(state is not BreakerState.CLOSED for state in self.breakers.values())


Reports = Mapping[str, ProviderReport]
Snapshots = Mapping[str, ProviderSnapshot]
"""By the ID of the provider."""


def plain_reports(reports: Reports) -> dict[str, Any]:
    """Return reports as JSON values."""
    return {
        provider: [report.breaker, _plain_counts(report.requests), _plain_check(report.check)]
        for provider, report in reports.items()
    }


def parse_reports(value: Any) -> Reports:
    """Parse the result of `plain_reports`."""
    return {
        str(provider): ProviderReport(BreakerState(breaker), _counts(requests), _check(check))
        for provider, (breaker, requests, check) in value.items()
    }


def snapshots_line(snapshots: Snapshots) -> bytes:
    """Return snapshots as one line."""
    plain = {
        provider: [
            {str(worker): breaker for worker, breaker in snapshot.breakers.items()},
            snapshot.seconds,
            _plain_counts(snapshot.requests),
            _plain_check(snapshot.check),
        ]
        for provider, snapshot in snapshots.items()
    }
    return orjson.dumps(plain) + b"\n"


def parse_snapshots(line: bytes) -> Snapshots:
    """Parse the result of `snapshots_line`."""
    return {
        provider: ProviderSnapshot(
            {int(worker): BreakerState(breaker) for worker, breaker in breakers.items()},
            seconds,
            _counts(requests, _MOST_OF_ALL),
            _check(check),
        )
        for provider, (breakers, seconds, requests, check) in orjson.loads(line).items()
    }


def latest(*checks: ProviderCheck | None) -> ProviderCheck | None:
    """Return the latest of some checks; None if there is none."""
    return max((check for check in checks if check is not None), default=None)


def _plain_counts(counts: RequestCounts) -> list[Any]:
    return [counts.buckets if any(counts.buckets) else [], dict(counts.failures)]


def _counts(value: Any, largest: int = _MOST_REQUESTS) -> RequestCounts:
    buckets, failures = value
    if len(buckets) not in (0, _BUCKETS):
        raise ValueError("wrong number of buckets")
    named = Counter({str(reason): _number(number, largest) for reason, number in failures.items()})
    return RequestCounts([_number(number, largest) for number in buckets] or [0] * _BUCKETS, named)


def _number(value: Any, largest: int) -> int:
    """Return a number of requests or of nanoseconds. Larger ones, or their sums, would not fit a message."""
    if not isinstance(value, int) or not 0 <= value <= largest:
        raise ValueError("a number is out of range")
    return value


def _plain_check(check: ProviderCheck | None) -> list[Any] | None:
    return list(check) if check is not None else None


def _check(value: Any) -> ProviderCheck | None:
    if value is None:
        return None
    ended_at, state, reason = value
    ProviderState.Name(state)  # raises ValueError for an unknown state
    return ProviderCheck(_number(ended_at, _LATEST), state, str(reason))
