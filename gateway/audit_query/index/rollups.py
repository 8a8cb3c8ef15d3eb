"""Rollups: calls counted by time unit, caller, action, resources, and result, so that summaries read few rows.

Time units are five minutes, hours, and days (UTC). After a unit has ended, its rollups are built from smaller units or
from the rows of calls. If these rows change later, the unit is stale, and is built again. When an hour is built, its
units of five minutes are removed.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gateway.audit_query import buckets
from gateway.audit_query.index import schema

UNIT_MS: Final = (300_000, 3_600_000, 86_400_000)
"""The lengths of the units in milliseconds, by level."""
_FIVE_MINUTES, _HOUR, _DAY = range(3)
_GRACE_MS: Final = (10_000, 3_700_000, 3_700_000)
"""The delay between the end of a unit and its build. Most late records, such as repetitions, arrive within an hour."""

GROUP: Final = "caller, action, resources, logs, status, reason, outcome, denied, private"
_GROUP_COLUMNS: Final = GROUP.count(",") + 1

_Groups: TypeAlias = "dict[tuple[int, ...], RolledUp]"


@dataclass(slots=True)
class RolledUp:
    """The calls of a group. durations: by bucket."""

    calls: int = 0
    durations: dict[int, int] = field(default_factory=dict)


def invalidate(connection: sqlite3.Connection, times: Iterable[int]) -> None:
    """Mark the units as stale that contain these times, in milliseconds since 1970."""
    finest = {time // UNIT_MS[0] * UNIT_MS[0] for time in times}
    units = {(level, start // length * length) for start in finest for level, length in enumerate(UNIT_MS)}
    for unit in units:
        if connection.execute("DELETE FROM units WHERE level = ? AND start = ?", unit).rowcount:
            connection.execute("DELETE FROM rollups WHERE level = ? AND start = ?", unit)
            connection.execute("INSERT OR IGNORE INTO stale_units VALUES (?, ?)", unit)


def advance(connection: sqlite3.Connection, horizon: int) -> bool:
    """Build one unit in the current transaction. Return whether there was a unit to build.

    horizon: the time up to which the index is complete, in milliseconds since 1970.
    """
    stale = connection.execute("SELECT level, start FROM stale_units ORDER BY level, start LIMIT 1").fetchone()
    if stale is not None:
        connection.execute("DELETE FROM stale_units WHERE level = ? AND start = ?", stale)
        if stale[0] != _FIVE_MINUTES or stale[1] >= _built(connection, _HOUR):
            _build(connection, *stale)
        return True
    built = [_built(connection, level) for level in range(len(UNIT_MS))]
    for level in (_HOUR, _DAY, _FIVE_MINUTES):
        after = max(built[_HOUR], built[level]) if level == _FIVE_MINUTES else built[level]
        start = _next_unit(connection, level, after)
        if start is None:
            continue
        end = start + UNIT_MS[level]
        if end + _GRACE_MS[level] <= horizon and (level != _DAY or built[_HOUR] >= end):
            _build(connection, level, start)
            schema.set_state(connection, f"built-{level}", end)
            return True
    return False


def _built(connection: sqlite3.Connection, level: int) -> int:
    """Return the time before which all units of a level were built."""
    value = schema.state(connection, f"built-{level}")
    return value if isinstance(value, int) else 0


def _next_unit(connection: sqlite3.Connection, level: int, after: int) -> int | None:
    """Return the start of the next unit that has calls."""
    (time,) = connection.execute("SELECT min(time) FROM calls WHERE time >= ?", (after,)).fetchone()
    return max(after, time // UNIT_MS[level] * UNIT_MS[level]) if time is not None else None


def _build(connection: sqlite3.Connection, level: int, start: int) -> None:
    groups: _Groups = {}
    _collect(connection, level, start, groups)
    rows = ((level, start, *key, group.calls, buckets.encoded(group.durations)) for key, group in groups.items())
    connection.executemany(f"INSERT INTO rollups VALUES (?, ?, {', '.join('?' * (_GROUP_COLUMNS + 2))})", rows)
    connection.execute("INSERT INTO units VALUES (?, ?)", (level, start))
    if level == _HOUR:
        end = start + UNIT_MS[_HOUR]
        for table in ("rollups", "units", "stale_units"):
            connection.execute(
                f"DELETE FROM {table} WHERE level = ? AND start >= ? AND start < ?", (_FIVE_MINUTES, start, end)
            )


def _collect(connection: sqlite3.Connection, level: int, start: int, groups: _Groups) -> None:
    """Add the calls of a unit to groups. Uses smaller units if they are built."""
    end = start + UNIT_MS[level]
    built = _built_units(connection, level - 1, start, end)
    if not built:
        _collect_calls(connection, start, end, groups)
        return
    for child in range(start, end, UNIT_MS[level - 1]):
        if child in built:
            _collect_unit(connection, level - 1, child, groups)
        else:
            _collect(connection, level - 1, child, groups)


def _built_units(connection: sqlite3.Connection, level: int, start: int, end: int) -> set[int]:
    found = connection.execute(
        "SELECT start FROM units WHERE level = ? AND start >= ? AND start < ?", (level, start, end)
    )
    return {each for (each,) in found}


def _collect_unit(connection: sqlite3.Connection, level: int, start: int, groups: _Groups) -> None:
    for *key, calls, durations in connection.execute(
        f"SELECT {GROUP}, calls, durations FROM rollups WHERE level = ? AND start = ?", (level, start)
    ):
        group = groups.setdefault(tuple(key), RolledUp())
        group.calls += calls
        buckets.add(group.durations, durations)


def _collect_calls(connection: sqlite3.Connection, start: int, end: int, groups: _Groups) -> None:
    for *key, bucket, calls, count in connection.execute(
        f"SELECT {GROUP}, bucket, sum(calls), count(bucket) FROM calls WHERE time >= ? AND time < ?"
        f" GROUP BY {GROUP}, bucket",
        (start, end),
    ):
        group = groups.setdefault(tuple(key), RolledUp())
        group.calls += calls
        if bucket is not None:
            group.durations[bucket] = group.durations.get(bucket, 0) + count
