"""Lists of audit records, newest first."""

import sqlite3
from collections.abc import Sequence

from gateway.audit_query.index.call_writer import HOUR_MS
from gateway.audit_query.index.conditions import Condition, call_conditions, scope_conditions, where
from gateway.audit_query.index.records import COLUMNS, RecordReader
from gateway.audit_query.source import Position, Scope
from gateway.audit_query.time_ranges import TimeRange, time_range
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord


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
    times = time_range(criteria)
    conditions = [Condition("time >= ? AND time < ?", times), *call_conditions(criteria, scope)]
    if after is not None:
        conditions.append(Condition("(time, chain, sequence) < (?, ?, ?)", reader.row_key(after)))
    sql, values = where(conditions)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM calls {sql} ORDER BY time DESC, chain DESC, sequence DESC LIMIT ?", (*values, limit + 1)
    ).fetchall()
    position = reader.position(rows[limit - 1]) if len(rows) > limit else None
    return [reader.record(row) for row in rows[:limit]], position


def omitted_calls(connection: sqlite3.Connection, times: TimeRange, scope: Scope) -> int:
    """Return the number of calls in the hours of a time range that are not in the scope."""
    if scope.logs is None or not scope.counts_omitted:
        return 0
    hours = Condition("hour >= ? AND hour < ?", (times.start // HOUR_MS, -(-times.end // HOUR_MS)))
    total, visible = (_calls(connection, conditions) for conditions in ([hours], [hours, *scope_conditions(scope)]))
    return total - visible


def _calls(connection: sqlite3.Connection, conditions: Sequence[Condition]) -> int:
    sql, values = where(conditions)
    (found,) = connection.execute(f"SELECT coalesce(sum(calls), 0) FROM hours {sql}", values).fetchone()
    return int(found)
