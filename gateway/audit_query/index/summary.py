"""Summaries: counts of calls in groups. They use rollups where these are built, and otherwise the rows of calls."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.audit_query import buckets
from gateway.audit_query.groups import (
    DAY_MS,
    HOUR_MS,
    PENDING,
    TIME_UNITS_MS,
    CallGroups,
    Dimensions,
    providers_text,
    resources_text,
    status_text,
    time_text,
)
from gateway.audit_query.index.conditions import Condition, call_conditions, resource_condition, where
from gateway.audit_query.index.coverings import Covering, cover
from gateway.audit_query.index.rollups import UNIT_MS
from gateway.audit_query.index.texts import TextReader
from gateway.audit_query.source import Scope
from gateway.audit_query.time_ranges import TimeRange, time_range
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_PENDING,
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

_COLUMNS: Final = {
    AUDIT_DIMENSION_CALLER: "caller",
    AUDIT_DIMENSION_ACTION: "action",
    AUDIT_DIMENSION_RESOURCE: "resources",
    AUDIT_DIMENSION_PROVIDER: "logs",
    # A pending call has no status. -1 is not a gRPC status.
    AUDIT_DIMENSION_STATUS: f"CASE outcome WHEN {AUDIT_OUTCOME_PENDING} THEN -1 ELSE status END",
    AUDIT_DIMENSION_REASON: "reason",
    AUDIT_DIMENSION_HOUR: f"{{time}} / {HOUR_MS}",
    AUDIT_DIMENSION_DAY: f"{{time}} / {DAY_MS}",
    AUDIT_DIMENSION_PEER_ADDRESS: "peer",  # a column of `calls` only
}

_ROWS_PER_TURN: Final = 500
"""The number of rows after which the query releases the interpreter for other threads."""


def summarize(
    connection: sqlite3.Connection, criteria: AuditFilter, scope: Scope, dimensions: Dimensions, limit: int
) -> tuple[Sequence[AuditGroup], bool]:
    """Return the largest groups, and whether there are more. Groups by hour or day are sorted by time."""
    groups = _Groups(connection, dimensions)
    times, conditions = time_range(criteria), call_conditions(criteria, scope)
    if criteria.resource:
        conditions.append(resource_condition(criteria.resource))
    finest = 1 if AUDIT_DIMENSION_HOUR in dimensions else len(UNIT_MS) - 1
    is_rolled_up = AUDIT_DIMENSION_PEER_ADDRESS not in dimensions and not criteria.surface
    covering = cover(connection, times, finest) if is_rolled_up else Covering({}, [times])
    for level, starts in covering.units.items():
        groups.add_units(level, starts, conditions)
    for part in covering.rest:
        groups.add_calls(part, conditions)
    return groups.largest(limit)


class _Groups:
    def __init__(self, connection: sqlite3.Connection, dimensions: Dimensions) -> None:
        self._connection = connection
        self._texts = TextReader(connection)
        self._dimensions = dimensions
        self._groups: CallGroups[tuple[Any, ...]] = CallGroups(dimensions, self._values)

    def add_units(self, level: int, starts: Sequence[int], conditions: Sequence[Condition]) -> None:
        """Add the calls of units that have rollups."""
        units = Condition("level = ? AND start IN (SELECT value FROM json_each(?))", (level, f"{list(starts)}"))
        sql, values = where([units, *conditions])
        columns = self._columns("start")
        for *key, outcome, denied, calls, durations in self._rows(
            f"SELECT {columns}, outcome, denied, calls, durations FROM rollups {sql}", values
        ):
            group = self._groups.group(tuple(key))
            group.add(calls, outcome, denied=bool(denied))
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
            group = self._groups.group(tuple(key))
            group.add(calls, outcome, denied=bool(denied))
            group.add_durations(bucket, count)

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more."""
        return self._groups.largest(limit)

    def _columns(self, time_column: str) -> str:
        return ", ".join(_COLUMNS[dimension].format(time=time_column) for dimension in self._dimensions)

    def _rows(self, sql: str, values: Sequence[object]) -> Iterator[Any]:
        cursor = self._connection.execute(sql, values)
        while rows := cursor.fetchmany(_ROWS_PER_TURN):
            yield from rows
            time.sleep(0)

    def _values(self, key: Sequence[int]) -> Iterator[str]:
        for dimension, value in zip(self._dimensions, key, strict=True):
            yield _VALUES[dimension](value, self._texts)


def _status(number: int, _: TextReader) -> str:
    return status_text(number) if number >= 0 else PENDING


def _time(dimension: AuditDimension.ValueType) -> Any:
    return lambda number, _: time_text(dimension, number * TIME_UNITS_MS[dimension])


_VALUES: Final[Mapping[AuditDimension.ValueType, Any]] = {
    AUDIT_DIMENSION_CALLER: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_ACTION: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_REASON: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_PEER_ADDRESS: lambda number, texts: texts.text(number),
    AUDIT_DIMENSION_RESOURCE: lambda number, texts: resources_text(texts.texts(number)),
    AUDIT_DIMENSION_PROVIDER: lambda number, texts: providers_text(texts.texts(number)),
    AUDIT_DIMENSION_STATUS: _status,
    AUDIT_DIMENSION_HOUR: _time(AUDIT_DIMENSION_HOUR),
    AUDIT_DIMENSION_DAY: _time(AUDIT_DIMENSION_DAY),
}
"""The text of a value, by dimension."""
