"""Summaries: the store counts calls by the fields that decide about a group, and the groups are formed from the counts.

The store groups by members of events, because only the gateway knows how they become the columns of a record.
Duplicates of a record are counted once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final

from google.rpc import code_pb2

from gateway.audit_query.central import conditions, fields, logsql
from gateway.audit_query.central.candidates import EVENTS, recorded_since
from gateway.audit_query.central.fields import event_of, number_in
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.index import buckets
from gateway.audit_query.index.conditions import TimeRange
from gateway.audit_query.matching import matches
from gateway.audit_query.rows import AUDIT_LOGS, RecordedEvent, audit_record
from gateway.audit_query.source import GATEWAY_LOG, Scope
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_UNKNOWN,
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

Dimensions = Sequence[AuditDimension.ValueType]

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_TIMES: Final = {AUDIT_DIMENSION_HOUR: _HOUR_MS, AUDIT_DIMENSION_DAY: _DAY_MS}
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
_MAXIMUM_GROUPS: Final = 200_000
"""The number of groups in memory. Above it, the smaller half is dropped, and the summary is truncated."""


@dataclass(slots=True)
class _CountedGroup:
    calls: int = 0
    denied: int = 0
    failed: int = 0
    unknown: int = 0
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, record: AuditRecord, calls: int, bucket: int | None) -> None:
        self.calls += calls
        self.denied += calls if record.denied else 0
        self.failed += calls if record.outcome == AUDIT_OUTCOME_FAILURE else 0
        self.unknown += calls if record.outcome == AUDIT_OUTCOME_UNKNOWN else 0
        if bucket is not None:
            self.durations[bucket] = self.durations.get(bucket, 0) + calls


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
        self._groups: dict[tuple[str, ...], _CountedGroup] = {}
        self._truncated = False

    async def add_stored(self, store: CentralStore, times: TimeRange) -> None:
        """Add the calls that have an outcome, or that were recorded together."""
        async for row in self._counted(store, times):
            if (record := audit_record("", [RecordedEvent("", event_of(row))])) is not None:
                self.add(record, calls=record.calls * (number_in(row, _FOUND) or 0), bucket=_bucket_in(row))

    def add(self, record: AuditRecord, *, calls: int, bucket: int | None = None) -> None:
        """Add calls that have this record, if the filter and the scope select it."""
        if matches(record, self._without_times) and conditions.is_visible(self._scope, record.audit_logs):
            self._group(tuple(_VALUES[dimension](record) for dimension in self._dimensions)).add(record, calls, bucket)

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more. Groups by hour or day are in the order of time."""
        ordered = sorted(self._groups.items(), key=lambda item: (-item[1].calls, item[0]))
        found = [_audit_group(key, group) for key, group in ordered[:limit]]
        found.sort(key=self._order)
        return found, self._truncated or len(ordered) > limit

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
        if steps := [step for dimension, step in _TIMES.items() if dimension in self._dimensions]:
            by.append(f"{logsql.quote(fields.START_TIME)}:{min(steps)}")
        query = f"{' '.join(selected)} | {bucket} | stats by ({','.join(by)}) {_COUNT} as {_FOUND}"
        async for row in store.stream(query):
            yield row

    def _group(self, key: tuple[str, ...]) -> _CountedGroup:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _MAXIMUM_GROUPS:
                ordered = sorted(self._groups.items(), key=lambda item: -item[1].calls)
                self._groups = dict(ordered[: _MAXIMUM_GROUPS // 2])
                self._truncated = True
            group = self._groups[key] = _CountedGroup()
        return group

    def _order(self, group: AuditGroup) -> tuple[object, ...]:
        times = [value for each, value in zip(self._dimensions, group.values, strict=True) if each in _TIMES]
        return (*times, -group.calls, *group.values)


async def omitted_calls(store: CentralStore, times: TimeRange, scope: Scope) -> int:
    """Return the number of calls in the hours of a time range that are not in the scope."""
    if scope.logs is None or not scope.counts_omitted:
        return 0
    start, end = times.start // _HOUR_MS * _HOUR_MS, -(-times.end // _HOUR_MS) * _HOUR_MS
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


def _audit_group(values: Sequence[str], group: _CountedGroup) -> AuditGroup:
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


def _providers(record: AuditRecord) -> str:
    names = (log.removeprefix(AUDIT_LOGS) for log in record.audit_logs)
    return ", ".join(name for name in names if name != GATEWAY_LOG)


def _status(record: AuditRecord) -> str:
    return "PENDING" if record.outcome == AUDIT_OUTCOME_PENDING else code_pb2.Code.Name(record.status)


def _time(form: str) -> Callable[[AuditRecord], str]:
    return lambda record: record.start_time.ToDatetime(UTC).strftime(form)


_VALUES: Final[Mapping[AuditDimension.ValueType, Callable[[AuditRecord], str]]] = {
    AUDIT_DIMENSION_CALLER: lambda record: record.caller,
    AUDIT_DIMENSION_ACTION: lambda record: record.action,
    AUDIT_DIMENSION_REASON: lambda record: record.reason,
    AUDIT_DIMENSION_PEER_ADDRESS: lambda record: record.peer_address,
    AUDIT_DIMENSION_RESOURCE: lambda record: ", ".join(record.resources),
    AUDIT_DIMENSION_PROVIDER: _providers,
    AUDIT_DIMENSION_STATUS: _status,
    AUDIT_DIMENSION_HOUR: _time("%Y-%m-%dT%H:00Z"),
    AUDIT_DIMENSION_DAY: _time("%Y-%m-%d"),
}
"""The text of a value, by dimension."""
