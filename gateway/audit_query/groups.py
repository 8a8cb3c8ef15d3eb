"""Groups of a summary, for all sources: counts of calls with the same values, and the largest groups."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from google.rpc import code_pb2

from gateway.audit_query import buckets
from gateway.audit_query.rows import AUDIT_LOGS
from gateway.audit_query.source import GATEWAY_LOG, fitting
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_FAILURE, AUDIT_OUTCOME_UNKNOWN
from keyway.v1.audit_service_pb2 import AUDIT_DIMENSION_DAY, AUDIT_DIMENSION_HOUR, AuditDimension, AuditGroup

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
TIME_UNITS_MS: Final = {AUDIT_DIMENSION_HOUR: HOUR_MS, AUDIT_DIMENSION_DAY: DAY_MS}
"""The lengths of the time units by which calls can be grouped, in milliseconds."""
PENDING: Final = "PENDING"
"""The status of a call without an outcome."""
_MAXIMUM_GROUPS: Final = 200_000
_MAXIMUM_CHARACTERS: Final = 64 << 20
"""The maximum number of groups in memory, and of characters in the texts of their keys. Above one of them, the smaller
half of the groups is dropped, and the summary is truncated."""
_STATUS_NAMES: Final = {int(number): name for name, number in code_pb2.Code.items()}
_TIME_FORMS: Final = {AUDIT_DIMENSION_HOUR: "%Y-%m-%dT%H:00Z", AUDIT_DIMENSION_DAY: "%Y-%m-%d"}

Dimensions = Sequence[AuditDimension.ValueType]
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(slots=True)
class CallCount:
    """Counts of the calls in a group. durations: the number of calls by bucket of their duration."""

    calls: int = 0
    denied: int = 0
    failed: int = 0
    unknown: int = 0
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, calls: int, outcome: int, *, denied: bool) -> None:
        """Add calls with the same outcome."""
        self.calls += calls
        self.denied += calls if denied else 0
        self.failed += calls if outcome == AUDIT_OUTCOME_FAILURE else 0
        self.unknown += calls if outcome == AUDIT_OUTCOME_UNKNOWN else 0

    def add_durations(self, bucket: int | None, calls: int) -> None:
        """Add calls to a bucket of durations. bucket: None for calls without a duration."""
        if bucket is not None:
            self.durations[bucket] = self.durations.get(bucket, 0) + calls


class CallGroups(Generic[_Key]):
    """Groups by key. values: returns the texts of a key, one for each dimension."""

    def __init__(self, dimensions: Dimensions, values: Callable[[_Key], Iterable[str]]) -> None:
        self._dimensions = dimensions
        self._values = values
        self._groups: dict[_Key, CallCount] = {}
        self._characters = 0
        self._truncated = False

    def group(self, key: _Key) -> CallCount:
        """Return the group with this key. Creates it if it does not exist."""
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _MAXIMUM_GROUPS or self._characters > _MAXIMUM_CHARACTERS:
                self._groups = dict(self._by_size()[: len(self._groups) // 2])
                self._characters = sum(map(_characters, self._groups))
                self._truncated = True
            group = self._groups[key] = CallCount()
            self._characters += _characters(key)
        return group

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more. Groups by hour or day are sorted by time."""
        ordered = self._by_size()
        found = list(fitting(_audit_group(self._values(key), group) for key, group in ordered[:limit]))
        is_truncated = self._truncated or len(ordered) > len(found)
        return sorted(found, key=self._order), is_truncated

    def _by_size(self) -> list[tuple[_Key, CallCount]]:
        return sorted(self._groups.items(), key=lambda item: -item[1].calls)

    def _order(self, group: AuditGroup) -> tuple[object, ...]:
        times = [value for each, value in zip(self._dimensions, group.values, strict=True) if each in TIME_UNITS_MS]
        return (*times, -group.calls, *group.values)


def status_text(status: int) -> str:
    """Return the name of a status; its number if this version does not know it."""
    return _STATUS_NAMES.get(status, str(status))


def providers_text(audit_logs: Iterable[str]) -> str:
    """Return the providers of a call, separated by commas. audit_logs: as in AuditRecord."""
    names = (log.removeprefix(AUDIT_LOGS) for log in audit_logs)
    return ", ".join(name for name in names if name != GATEWAY_LOG)


def resources_text(resources: Iterable[str]) -> str:
    """Return the resources of a call, separated by commas."""
    return ", ".join(resources)


def time_text(dimension: AuditDimension.ValueType, milliseconds: int) -> str:
    """Return the hour or day of a time, in UTC."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime(_TIME_FORMS[dimension])


def _characters(key: object) -> int:
    """Return the number of characters in the texts of a key."""
    if isinstance(key, str):
        return len(key)
    return sum(map(_characters, key)) if isinstance(key, tuple) else 0


def _audit_group(values: Iterable[str], group: CallCount) -> AuditGroup:
    found = AuditGroup(
        values=values,
        calls=group.calls,
        denied_calls=group.denied,
        failed_calls=group.failed,
        unknown_calls=group.unknown,
    )
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        if (microseconds := buckets.percentile(group.durations, share)) is not None:
            getattr(found, name).FromMicroseconds(microseconds)
    return found
