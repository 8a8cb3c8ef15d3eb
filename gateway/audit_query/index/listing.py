"""Lists of audit records, newest first."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from gateway.audit_query.index.call_writer import HOUR_MS
from gateway.audit_query.index.conditions import (
    Condition,
    call_conditions,
    resource_condition,
    scope_conditions,
    where,
)
from gateway.audit_query.index.records import COLUMNS, RecordReader
from gateway.audit_query.index.texts import key_digest
from gateway.audit_query.source import Position, Scope, fitting
from gateway.audit_query.time_ranges import TimeRange, time_range
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord

_MAXIMUM_MERGED: Final = 50
"""SQLite merges up to 500 selections."""


def list_records(
    connection: sqlite3.Connection,
    reader: RecordReader,
    criteria: AuditFilter,
    scope: Scope,
    *,
    limit: int,
    after: Position | None,
) -> tuple[Sequence[AuditRecord], Position | None]:
    """Return the records after a position, and the position of the last one if there are more."""
    times, conditions = time_range(criteria), call_conditions(criteria, scope)
    if after is not None:
        key = reader.row_key(after)
        conditions.append(Condition("(time, chain, sequence) < (?, ?, ?)", key))
        # SQLite begins at the end of the range, and would read all records before the position again.
        times = times._replace(end=min(times.end, key[0] + 1))
    conditions.append(Condition("time >= ? AND time < ?", times))
    parts = [where([*conditions, *one]) for one in _resource_conditions(connection, criteria.resource)]
    sql = " UNION ALL ".join(f"SELECT {COLUMNS} FROM calls {part}" for part, _ in parts)
    values = [value for _, each in parts for value in each]
    rows = connection.execute(f"{sql} ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT ?", (*values, limit + 1)).fetchall()
    records = list(fitting(reader.record(row) for row in rows[:limit]))
    return records, reader.position(rows[len(records) - 1]) if len(rows) > len(records) else None


def _resource_conditions(connection: sqlite3.Connection, resource: str) -> Sequence[Sequence[Condition]]:
    """Return conditions that together select the calls of a resource, each for other calls.

    With one list of resources per condition, SQLite reads an index in the order of time and merges. With many lists,
    so many calls match that reading all calls in this order finds a page sooner.
    """
    if not resource:
        return [[]]
    found = connection.execute(
        "SELECT resources FROM resource_keys WHERE key = ? LIMIT ?", (key_digest(resource), _MAXIMUM_MERGED + 1)
    ).fetchall()
    if len(found) > _MAXIMUM_MERGED:
        return [[resource_condition(resource, use_index=False)]]
    return [[Condition("resources = ?", (number,))] for (number,) in found] or [[Condition("0", ())]]


def omitted_calls(connection: sqlite3.Connection, times: TimeRange, scope: Scope) -> int:
    """Return the number of calls outside of the scope, in the full hours that a time range touches."""
    if scope.logs is None or not scope.counts_omitted:
        return 0
    hours = Condition("hour >= ? AND hour < ?", (times.start // HOUR_MS, -(-times.end // HOUR_MS)))
    total, visible = (_calls(connection, conditions) for conditions in ([hours], [hours, *scope_conditions(scope)]))
    return total - visible


def _calls(connection: sqlite3.Connection, conditions: Sequence[Condition]) -> int:
    sql, values = where(conditions)
    (found,) = connection.execute(f"SELECT coalesce(sum(calls), 0) FROM hours {sql}", values).fetchone()
    return int(found)
