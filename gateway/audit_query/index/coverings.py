"""Coverings of a time range: the rollups to use, and the parts without a rollup."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.audit_query.index.rollups import UNIT_MS
from gateway.audit_query.time_ranges import TimeRange


class Covering(NamedTuple):
    """A covering. units: the starts of the rollups, by level. rest: the parts of the time range without a rollup."""

    units: Mapping[int, Sequence[int]]
    rest: Sequence[TimeRange]


def cover(connection: sqlite3.Connection, times: TimeRange, largest: int) -> Covering:
    """Return a covering that uses no units above the level `largest`."""
    chosen: dict[int, list[int]] = {}
    covered: set[tuple[int, int]] = set()
    for level in range(largest, -1, -1):
        length = UNIT_MS[level]
        found = connection.execute(
            "SELECT start FROM units WHERE level = ? AND start >= ? AND start <= ?",
            (level, times.start, times.end - length),
        )
        starts = [start for (start,) in found if not _is_covered(start, covered)]
        if starts:
            chosen[level] = starts
            covered |= {(level, start) for start in starts}
    units = [TimeRange(start, start + UNIT_MS[level]) for level, starts in chosen.items() for start in starts]
    return Covering(chosen, list(_rest(times, sorted(units))))


def _is_covered(start: int, covered: set[tuple[int, int]]) -> bool:
    return any((level, start // length * length) in covered for level, length in enumerate(UNIT_MS))


def _rest(times: TimeRange, units: Iterable[TimeRange]) -> Iterable[TimeRange]:
    position = times.start
    for start, end in units:
        if position < start:
            yield TimeRange(position, start)
        position = end
    if position < times.end:
        yield TimeRange(position, times.end)
