"""Summaries from the store: groups of the calls that the store counted."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.audit_query.central import conditions
from gateway.audit_query.central.counting import CountedCalls, counted_calls
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.groups import (
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
    AUDIT_DIMENSION_PEER_ADDRESS,
    AUDIT_DIMENSION_PROVIDER,
    AUDIT_DIMENSION_REASON,
    AUDIT_DIMENSION_RESOURCE,
    AUDIT_DIMENSION_STATUS,
    AuditDimension,
    AuditGroup,
)

_DECIDED_BY_THE_STORE: Final = ("start_time", "end_time", "caller", "reason", "surface")
"""The fields of a filter that the store has already compared."""


class Summarizer:
    """Collects the groups of one summary."""

    def __init__(self, criteria: AuditFilter, scope: Scope, dimensions: Dimensions) -> None:
        self._criteria = criteria
        self._undecided = AuditFilter()
        self._undecided.CopyFrom(criteria)
        for name in _DECIDED_BY_THE_STORE:
            self._undecided.ClearField(name)
        self._scope = scope
        self._dimensions = dimensions
        self._groups: CallGroups[tuple[str, ...]] = CallGroups(dimensions, lambda key: key)

    async def add_stored(self, store: CentralStore, times: TimeRange) -> None:
        """Add the calls that have an outcome, or that were recorded together."""
        async for counted in counted_calls(store, self._criteria, self._scope, times, self._dimensions):
            self.add(counted)

    def add(self, counted: CountedCalls) -> None:
        """Add calls if they match the filter and the scope."""
        record = counted.record
        if matches(record, self._undecided) and conditions.is_visible(self._scope, record.audit_logs):
            group = self._groups.group(tuple(_value(dimension, counted) for dimension in self._dimensions))
            group.add(counted.calls, record.outcome, denied=record.denied)
            for bucket, calls in counted.durations.items():
                group.add_durations(bucket, calls)

    def largest(self, limit: int) -> tuple[Sequence[AuditGroup], bool]:
        """Return the largest groups, and whether there are more."""
        return self._groups.largest(limit)


def _value(dimension: AuditDimension.ValueType, counted: CountedCalls) -> str:
    """Return the text of a property of calls."""
    if dimension in TIME_UNITS_MS:
        return time_text(dimension, counted.time)
    return _VALUES[dimension](counted.record)


def _status(record: AuditRecord) -> str:
    return PENDING if record.outcome == AUDIT_OUTCOME_PENDING else status_text(record.status)


_VALUES: Final[Mapping[AuditDimension.ValueType, Callable[[AuditRecord], str]]] = {
    AUDIT_DIMENSION_CALLER: lambda record: record.caller,
    AUDIT_DIMENSION_ACTION: lambda record: record.action,
    AUDIT_DIMENSION_REASON: lambda record: record.reason,
    AUDIT_DIMENSION_PEER_ADDRESS: lambda record: record.peer_address,
    AUDIT_DIMENSION_RESOURCE: lambda record: resources_text(record.resources),
    AUDIT_DIMENSION_PROVIDER: lambda record: providers_text(record.audit_logs),
    AUDIT_DIMENSION_STATUS: _status,
}
"""The text of a property of a record, by dimension."""
