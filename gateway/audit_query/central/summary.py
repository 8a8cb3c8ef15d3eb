"""Summaries: the store counts calls by the fields that decide about a group, and the groups are formed from the counts.

The store groups by members of events, because only the gateway knows how they become the columns of a record.
Duplicates of a record are counted once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from gateway.audit_query import buckets
from gateway.audit_query.central import conditions, fields, logsql
from gateway.audit_query.central.candidates import EVENTS, recorded_since
from gateway.audit_query.central.fields import event_of, number_in
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.groups import (
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
from gateway.audit_query.matching import matches
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.audit_query.source import Scope
from gateway.audit_query.time_ranges import TimeRange
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_PENDING,
    AuditFilter,
    AuditRecord,
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

_ALWAYS: Final = (
    fields.EVENT_CODE,
    fields.OPERATION,
    fields.PRIVATE_FLAG,
    fields.CALLER,
    fields.AUTHORIZATIONS,
    fields.RESOURCES,
    fields.STATUS_ID,
    fields.STATUS_CODE,
    fields.STATUS_DETAIL,
    fields.COUNT,
    fields.METHODS,
)
_BUCKET: Final = "bucket"
_FOUND: Final = "found"


class Summarizer:
    """Collects the groups of one summary."""

    def __init__(self, criteria: AuditFilter, scope: Scope, dimensions: Dimensions) -> None:
        self._criteria = criteria
        self._without_times = AuditFilter()
        self._without_times.CopyFrom(criteria)
        for name in ("start_time", "end_time"):  # the store applies them; it knows times only by hour or day here
            self._without_times.ClearField(name)
        self._scope = scope
        self._dimensions = dimensions
        self._groups: CallGroups[tuple[str, ...]] = CallGroups(dimensions, lambda key: key)

    async def add_stored(self, store: CentralStore, times: TimeRange) -> None:
        """Add the calls that have an outcome, or that were recorded together."""
        async for row in self._counted(store, times):
            if (record := audit_record("", [RecordedEvent("", event_of(row))])) is not None:
                self.add(record, calls=record.calls * (number_in(row, _FOUND) or 0), bucket=_bucket_in(row))

    def add(self, record: AuditRecord, *, calls: int, bucket: int | None = None) -> None:
        """Add calls that have this record, if the filter and the scope select it."""
        if matches(record, self._without_times) and conditions.is_visible(self._scope, record.audit_logs):
            group = self._groups.group(tuple(_VALUES[dimension](record) for dimension in self._dimensions))
            group.add(calls, record.outcome, denied=record.denied)
            group.add_durations(bucket, calls)

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more."""
        return self._groups.largest(limit)

    async def _counted(self, store: CentralStore, times: TimeRange) -> AsyncIterator[Row]:
        selected = (
            EVENTS,
            *recorded_since(times.start),
            logsql.is_one_of(fields.EVENT_CODE, fields.RECORDED_CALLS),
            logsql.in_range(fields.START_TIME, times.start, times.end),
            *conditions.scope_conditions(self._scope),
            *conditions.conditions(self._criteria),
            *conditions.result_conditions(self._criteria),
        )
        bucket = f"math round(ln({logsql.quote(fields.DURATION_US)}) / {buckets.LOG_RATIO}) as {_BUCKET}"
        by = [logsql.names(*_ALWAYS), _BUCKET]
        if AUDIT_DIMENSION_PEER_ADDRESS in self._dimensions:
            by.append(logsql.names(fields.PEER_IP, fields.PEER_NAME))
        if steps := [step for dimension, step in TIME_UNITS_MS.items() if dimension in self._dimensions]:
            by.append(f"{logsql.quote(fields.START_TIME)}:{min(steps)}")
        query = f"{' '.join(selected)} | {bucket} | stats by ({','.join(by)}) {_COUNT} as {_FOUND}"
        async for row in store.stream(query):
            yield row


async def omitted_calls(store: CentralStore, times: TimeRange, scope: Scope) -> int:
    """Return the number of calls in the hours of a time range that are not in the scope."""
    if scope.logs is None or not scope.counts_omitted:
        return 0
    start, end = times.start // HOUR_MS * HOUR_MS, -(-times.end // HOUR_MS) * HOUR_MS
    selected = (
        EVENTS,
        *recorded_since(start),
        logsql.is_one_of(fields.EVENT_CODE, fields.RECORDED_CALLS),
        logsql.in_range(fields.START_TIME, start, end),
    )
    by = logsql.names(fields.EVENT_CODE, fields.RESOURCES, fields.COUNT)
    omitted = 0
    async for row in store.stream(f"{' '.join(selected)} | stats by ({by}) {_COUNT} as {_FOUND}"):
        record = audit_record("", [RecordedEvent("", event_of(row))])
        if record is not None and not conditions.is_visible(scope, record.audit_logs):
            omitted += record.calls * (number_in(row, _FOUND) or 0)
    return omitted


_COUNT: Final = f"count_uniq_hash({logsql.names(logsql.CHAIN, logsql.SEQUENCE)})"


def _bucket_in(row: Row) -> int | None:
    """Return the bucket of the duration. The logarithm of 0 is minus infinity, that of no duration is no number."""
    text = str(row.get(_BUCKET, ""))
    return 0 if text.lower().startswith("-inf") else number_in(row, _BUCKET)


def _status(record: AuditRecord) -> str:
    return PENDING if record.outcome == AUDIT_OUTCOME_PENDING else status_text(record.status)


def _time(dimension: AuditDimension.ValueType) -> Callable[[AuditRecord], str]:
    return lambda record: time_text(dimension, record.start_time.ToMilliseconds())


_VALUES: Final[Mapping[AuditDimension.ValueType, Callable[[AuditRecord], str]]] = {
    AUDIT_DIMENSION_CALLER: lambda record: record.caller,
    AUDIT_DIMENSION_ACTION: lambda record: record.action,
    AUDIT_DIMENSION_REASON: lambda record: record.reason,
    AUDIT_DIMENSION_PEER_ADDRESS: lambda record: record.peer_address,
    AUDIT_DIMENSION_RESOURCE: lambda record: resources_text(record.resources),
    AUDIT_DIMENSION_PROVIDER: lambda record: providers_text(record.audit_logs),
    AUDIT_DIMENSION_STATUS: _status,
    AUDIT_DIMENSION_HOUR: _time(AUDIT_DIMENSION_HOUR),
    AUDIT_DIMENSION_DAY: _time(AUDIT_DIMENSION_DAY),
}
"""The text of a value, by dimension."""
