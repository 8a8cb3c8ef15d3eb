"""Summaries: calls counted in groups, from rollups where they are built, and from the rows of calls elsewhere."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from google.rpc import code_pb2

from gateway.audit_query.index import buckets
from gateway.audit_query.index.conditions import (
    Condition,
    TimeRange,
    call_conditions,
    time_range,
    where,
)
from gateway.audit_query.index.coverings import Covering, cover
from gateway.audit_query.index.rollups import UNIT_MS
from gateway.audit_query.index.texts import TextReader
from gateway.audit_query.rows import AUDIT_LOGS
from gateway.audit_query.source import GATEWAY_LOG, Scope
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_UNKNOWN,
    AuditFilter,
)
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_ACTION,
    AUDIT_DIMENSION_CALLER,
    AUDIT_DIMENSION_DAY,
    AUDIT_DIMENSION_HOUR,
    AUDIT_DIMENSION_PEER_ADDRESS,
    AUDIT_DIMENSION_PROVIDER,
    AUDIT_DIMENSION_REASON,
    AUDIT_DIMENSION_RESOURCE,
    AUDIT_DIMENSION_STATUS,
    AuditDimension,
    AuditGroup,
)

_HOUR_MS, _DAY_MS = UNIT_MS[1:]
_COLUMNS: Final = {
    AUDIT_DIMENSION_CALLER: "caller",
    AUDIT_DIMENSION_ACTION: "action",
    AUDIT_DIMENSION_RESOURCE: "resources",
    AUDIT_DIMENSION_PROVIDER: "logs",
    # A pending call has no status. -1 is none of the statuses.
    AUDIT_DIMENSION_STATUS: f"CASE outcome WHEN {AUDIT_OUTCOME_PENDING} THEN -1 ELSE status END",
    AUDIT_DIMENSION_REASON: "reason",
    AUDIT_DIMENSION_HOUR: f"{{time}} / {_HOUR_MS}",
    AUDIT_DIMENSION_DAY: f"{{time}} / {_DAY_MS}",
    AUDIT_DIMENSION_PEER_ADDRESS: "peer",  # only in calls
}
_TIMES: Final = (AUDIT_DIMENSION_HOUR, AUDIT_DIMENSION_DAY)

_MAXIMUM_GROUPS: Final = 200_000
"""The number of groups in memory. Above it, the smaller half is dropped, and the summary is truncated."""
_ROWS_PER_TURN: Final = 500
"""The number of rows after which other threads of the process get the interpreter."""

Dimensions = Sequence[AuditDimension.ValueType]


@dataclass(slots=True)
class _Group:
    calls: int = 0
    denied: int = 0
    failed: int = 0
    unknown: int = 0
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, calls: int, outcome: int, denied: int) -> None:
        self.calls += calls
        self.denied += calls if denied else 0
        self.failed += calls if outcome == AUDIT_OUTCOME_FAILURE else 0
        self.unknown += calls if outcome == AUDIT_OUTCOME_UNKNOWN else 0


def summarize(
    connection: sqlite3.Connection, criteria: AuditFilter, scope: Scope, dimensions: Dimensions, limit: int
) -> tuple[Sequence[AuditGroup], bool]:
    """Return the largest groups, and whether there are more. Groups by hour or day are in the order of time."""
    groups = _Groups(connection, dimensions)
    times, conditions = time_range(criteria), call_conditions(criteria, scope)
    finest = 1 if AUDIT_DIMENSION_HOUR in dimensions else len(UNIT_MS) - 1
    is_rolled_up = AUDIT_DIMENSION_PEER_ADDRESS not in dimensions
    covering = cover(connection, times, finest) if is_rolled_up else Covering({}, [times])
    for level, starts in covering.units.items():
        groups.add_units(level, starts, conditions)
    for part in covering.rest:
        groups.add_calls(part, conditions)
    return groups.largest(limit)


class _Groups:
    def __init__(self, connection: sqlite3.Connection, dimensions: Dimensions) -> None:
        self._connection = connection
        self._dimensions = dimensions
        self._groups: dict[tuple[Any, ...], _Group] = {}
        self._truncated = False

    def add_units(self, level: int, starts: Sequence[int], conditions: Sequence[Condition]) -> None:
        """Add the calls of units that are rolled up."""
        units = Condition("level = ? AND start IN (SELECT value FROM json_each(?))", (level, f"{list(starts)}"))
        sql, values = where([units, *conditions])
        columns = self._columns("start")
        for *key, outcome, denied, calls, durations in self._rows(
            f"SELECT {columns}, outcome, denied, calls, durations FROM rollups {sql}", values
        ):
            group = self._group(tuple(key))
            group.add(calls, outcome, denied)
            buckets.add(group.durations, durations)

    def add_calls(self, times: TimeRange, conditions: Sequence[Condition]) -> None:
        """Add the calls of a time range."""
        sql, values = where([Condition("time >= ? AND time < ?", times), *conditions])
        columns = self._columns("time")
        numbers = ", ".join(str(number + 1) for number in range(len(self._dimensions) + 3))
        for *key, outcome, denied, bucket, calls, count in self._rows(
            f"SELECT {columns}, outcome, denied, bucket, sum(calls), count(bucket) FROM calls {sql} GROUP BY {numbers}",
            values,
        ):
            group = self._group(tuple(key))
            group.add(calls, outcome, denied)
            if bucket is not None:
                group.durations[bucket] = group.durations.get(bucket, 0) + count

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more."""
        texts = TextReader(self._connection)
        ordered = sorted(self._groups.items(), key=lambda item: -item[1].calls)
        found = [_audit_group(self._values(key, texts), group) for key, group in ordered[:limit]]
        found.sort(key=self._order)
        return found, self._truncated or len(ordered) > limit

    def _order(self, group: AuditGroup) -> tuple[Any, ...]:
        times = [value for each, value in zip(self._dimensions, group.values, strict=True) if each in _TIMES]
        return (*times, -group.calls, *group.values)

    def _columns(self, time_column: str) -> str:
        return ", ".join(_COLUMNS[dimension].format(time=time_column) for dimension in self._dimensions)

    def _rows(self, sql: str, values: Sequence[object]) -> Iterator[Any]:
        cursor = self._connection.execute(sql, values)
        while rows := cursor.fetchmany(_ROWS_PER_TURN):
            yield from rows
            time.sleep(0)

    def _group(self, key: tuple[Any, ...]) -> _Group:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _MAXIMUM_GROUPS:
                self._drop_smallest()
            group = self._groups[key] = _Group()
        return group

    def _drop_smallest(self) -> None:
        ordered = sorted(self._groups.items(), key=lambda item: -item[1].calls)
        self._groups = dict(ordered[: _MAXIMUM_GROUPS // 2])
        self._truncated = True

    def _values(self, key: Sequence[int], texts: TextReader) -> Iterator[str]:
        for dimension, value in zip(self._dimensions, key, strict=True):
            yield _VALUES[dimension](value, texts)


def _audit_group(values: Iterator[str], group: _Group) -> AuditGroup:
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


def _providers(number: int, texts: TextReader) -> str:
    names = (log.removeprefix(AUDIT_LOGS) for log in texts.texts(number))
    return ", ".join(name for name in names if name != GATEWAY_LOG)


def _status(number: int, _: TextReader) -> str:
    return code_pb2.Code.Name(number) if number >= 0 else "PENDING"


def _time(form: str, seconds: int) -> Any:
    return lambda number, _: datetime.fromtimestamp(number * seconds, UTC).strftime(form)


_VALUES: Final[Mapping[AuditDimension.ValueType, Any]] = {
    AUDIT_DIMENSION_CALLER: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_ACTION: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_REASON: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_PEER_ADDRESS: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_RESOURCE: lambda number, texts: ", ".join(texts.texts(number)),
    AUDIT_DIMENSION_PROVIDER: _providers,
    AUDIT_DIMENSION_STATUS: _status,
    AUDIT_DIMENSION_HOUR: _time("%Y-%m-%dT%H:00Z", _HOUR_MS // 1000),
    AUDIT_DIMENSION_DAY: _time("%Y-%m-%d", _DAY_MS // 1000),
}
"""The text of a value, by dimension."""
