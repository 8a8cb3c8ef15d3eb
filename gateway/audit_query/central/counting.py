"""Counts of calls and of their durations, which the store computes for summaries.

The store groups calls by members of events, because only the gateway can make the columns of a record from them. It
groups by as few members as a summary needs. Duplicates of a record are counted once.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from gateway.audit_query import buckets
from gateway.audit_query.central import conditions, fields, logsql
from gateway.audit_query.central.candidates import RECORDS, recorded_since
from gateway.audit_query.central.fields import event_of, number_in
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.groups import HOUR_MS, TIME_UNITS_MS, Dimensions
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.audit_query.source import Scope
from gateway.audit_query.time_ranges import TimeRange
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_ACTION,
    AUDIT_DIMENSION_CALLER,
    AUDIT_DIMENSION_PEER_ADDRESS,
    AUDIT_DIMENSION_PROVIDER,
    AUDIT_DIMENSION_RESOURCE,
    AUDIT_DIMENSION_STATUS,
)

_ROWS_PER_TURN: Final = 100
"""The number of rows after which other tasks can use the event loop."""

_MAXIMUM_CACHED: Final = 10_000

_FOUND: Final = "found"
_BUCKET: Final = "bucket"
_COUNTS: Final = "counts"
_DENIAL: Final = "denial"
_DENIED_ITEM: Final = orjson.dumps([{"decision": "deny"}]).decode()

_PROVIDER_AND_REST: Final = r'providers/([^/"\\]+)/[^"\\]*'
"""Matches a name in the field of resources, up to its end or an escaped character. Only its provider is needed."""

_IS_RECORDED: Final = logsql.is_one_of(fields.EVENT_CODE, fields.RECORDED_CALLS)
_COUNT: Final = f"count_uniq_hash({logsql.names(logsql.CHAIN, logsql.SEQUENCE)}) as {_FOUND}"
_INTO_BUCKETS: Final = f"math round(ln({logsql.quote(fields.DURATION_US)}) / {buckets.LOG_RATIO}) as {_BUCKET}"
_DENIES: Final = '"decision":"deny"'
"""The text of a denial in the field of authorizations. It cannot be part of a policy ID, whose quotes are escaped."""
_MARK_DENIALS: Final = f'format if ({logsql.contains(fields.AUTHORIZATIONS, _DENIES)}) "yes" as {_DENIAL}'
_REPLACE: Final = f"replace_regexp ({logsql.quote(_PROVIDER_AND_REST)}, {logsql.quote('providers/$1/')})"
_ONLY_PROVIDERS: Final = f"{_REPLACE} at {logsql.quote(fields.RESOURCES)}"


class CountedCalls(NamedTuple):
    """Calls whose records are equal in all columns that a summary needs.

    time: the hour or day, in milliseconds since 1970, if the summary groups by it. durations: the number of calls by
    bucket.
    """

    record: AuditRecord
    time: int
    calls: int
    durations: Mapping[int, int]


async def counted_calls(
    store: CentralStore, criteria: AuditFilter, scope: Scope, times: TimeRange, dimensions: Dimensions
) -> AsyncIterator[CountedCalls]:
    """Yield the calls that have an outcome, or that were recorded together. Some may not match the filter or scope.

    The records contain what the dimensions and the checks of the filter and the scope need. They lack the time, the
    caller, and the reason, which the store has already compared.
    """
    selected = (
        *_selected(times),
        *conditions.scope_conditions(scope),
        *conditions.conditions(criteria),
        *conditions.result_conditions(criteria),
    )
    by = list(_members(criteria, scope, dimensions))
    pipes = [" ".join(selected), _INTO_BUCKETS, _MARK_DENIALS]
    if not _needs_resources(criteria, dimensions):
        pipes.append(_ONLY_PROVIDERS)
    steps = [step for dimension, step in TIME_UNITS_MS.items() if dimension in dimensions]
    time = [f"{logsql.quote(fields.START_TIME)}:{min(steps)}"] if steps else []
    pipes.append(f"stats by ({','.join((logsql.names(*by), *time, _BUCKET))}) {_COUNT}")
    records = _Records(by)
    async for row in _in_turns(store, " | ".join([*pipes, _packed(by, shows_time=bool(steps))])):
        if (record := records.of(row)) is not None:
            counts = [(_bucket_in(each), number_in(each, _FOUND) or 0) for each in orjson.loads(row[_COUNTS])]
            durations = {bucket: found for bucket, found in counts if bucket is not None}
            calls = record.calls * sum(found for _, found in counts)
            yield CountedCalls(record, number_in(row, fields.START_TIME) or 0, calls, durations)


async def omitted_calls(store: CentralStore, times: TimeRange, scope: Scope) -> int:
    """Return the number of calls outside of the scope, in the full hours that a time range touches."""
    if scope.logs is None or not scope.counts_omitted:
        return 0
    hours = TimeRange(times.start // HOUR_MS * HOUR_MS, -(-times.end // HOUR_MS) * HOUR_MS)
    by = logsql.names(fields.EVENT_CODE, fields.RESOURCES, fields.COUNT)
    query = f"{' '.join(_selected(hours))} | {_ONLY_PROVIDERS} | stats by ({by}) {_COUNT}"
    omitted = 0
    async for row in _in_turns(store, query):
        record = _record_of(row)
        if record is not None and not conditions.is_visible(scope, record.audit_logs):
            omitted += record.calls * (number_in(row, _FOUND) or 0)
    return omitted


class _Records:
    """A cache of records, because many rows differ only in time. by: the fields from which a record is made."""

    def __init__(self, by: Sequence[str]) -> None:
        self._by = by
        self._cached: dict[tuple[Any, ...], AuditRecord | None] = {}

    def of(self, row: Row) -> AuditRecord | None:
        key = tuple(map(row.get, self._by))
        if key not in self._cached:
            if len(self._cached) >= _MAXIMUM_CACHED:
                self._cached.clear()
            self._cached[key] = _record_of(row)
        return self._cached[key]


def _packed(by: Sequence[str], *, shows_time: bool) -> str:
    """Return the pipe that combines the counts of all durations in one row."""
    names = logsql.names(*by, *([fields.START_TIME] if shows_time else []))
    return f"stats by ({names}) json_values({_BUCKET}, {_FOUND}) as {_COUNTS}"


def _selected(times: TimeRange) -> Sequence[str]:
    in_range = logsql.in_range(fields.START_TIME, times.start, times.end)
    return (RECORDS, *recorded_since(times.start), _IS_RECORDED, in_range)


def _members(criteria: AuditFilter, scope: Scope, dimensions: Dimensions) -> Iterator[str]:
    """Yield the fields that the counts, the filter, the scope, and the dimensions need."""
    yield from (fields.EVENT_CODE, fields.OPERATION, fields.STATUS_ID, fields.STATUS_DETAIL, fields.COUNT, _DENIAL)
    if AUDIT_DIMENSION_CALLER in dimensions:
        yield fields.CALLER
    if AUDIT_DIMENSION_ACTION in dimensions or criteria.action or criteria.HasField("private_material"):
        yield from (fields.PRIVATE_FLAG, fields.METHODS)
    if AUDIT_DIMENSION_STATUS in dimensions or criteria.HasField("status"):
        yield fields.STATUS_CODE
    if AUDIT_DIMENSION_PEER_ADDRESS in dimensions:
        yield from (fields.PEER_IP, fields.PEER_NAME)
    needs_providers = AUDIT_DIMENSION_PROVIDER in dimensions or criteria.provider or scope.logs is not None
    if needs_providers or _needs_resources(criteria, dimensions):
        yield fields.RESOURCES


def _needs_resources(criteria: AuditFilter, dimensions: Dimensions) -> bool:
    return AUDIT_DIMENSION_RESOURCE in dimensions or bool(criteria.resource)


def _record_of(row: Row) -> AuditRecord | None:
    values = {**row, fields.AUTHORIZATIONS: _DENIED_ITEM} if row.get(_DENIAL) else row
    return audit_record("", [RecordedEvent("", event_of(values))])


def _bucket_in(counted: Mapping[str, Any]) -> int | None:
    """Return the bucket of the duration. The store returns -inf for a duration of 0, and NaN without a duration."""
    text = str(counted.get(_BUCKET, ""))
    return 0 if text.lower().startswith("-inf") else number_in(counted, _BUCKET)


async def _in_turns(store: CentralStore, query: str) -> AsyncIterator[Row]:
    number = 0
    async for row in store.stream(query):
        yield row
        number += 1
        if number % _ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
