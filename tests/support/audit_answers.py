"""Expected answers of audit queries, by evaluating every record in Python."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from google.rpc import code_pb2

from gateway.audit_query.rows import RecordedEvent, audit_record, resource_keys
from gateway.audit_query.source import GATEWAY_LOG, AuditSource, Scope
from gateway.journal.format.manifest import load
from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.segments import chain_folders
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_UNKNOWN,
    AuditFilter,
    AuditRecord,
)
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_RESOURCE,
    AuditDimension,
    ListAuditRecordsResponse,
    SummarizeAuditRecordsResponse,
)
from tests.support.journals import chain_records

_HOUR = 3600
_TEXTS = ("caller", "action", "reason", "surface")
_MESSAGE_BYTES = 4 << 20
"""The size of the messages that clients receive by default."""


def records_of(directory: Path) -> list[AuditRecord]:
    """Return the audit records of a journal, newest first."""
    manifest = load(directory)
    journal = manifest.journal if manifest is not None else ""
    rows = [row for folder in chain_folders(directory) for row in _rows(folder, journal)]
    return sorted(rows, key=lambda row: (row.start_time.ToNanoseconds(), row.receipt), reverse=True)


def _rows(folder: Path, journal: str) -> Iterable[AuditRecord]:
    calls: dict[str, list[RecordedEvent]] = defaultdict(list)
    for record in chain_records(folder):
        if record.kind == "event":
            event = record.value()
            is_call = event_code(event) in ("intent", "outcome")
            key = request_id(event) if is_call else None
            calls[key or str(record.receipt)].append(RecordedEvent(str(record.receipt), event))
    return [row for recorded in calls.values() if (row := audit_record(journal, recorded)) is not None]


def is_in_scope(record: AuditRecord, scope: Scope) -> bool:
    return scope.logs is None or {log.removeprefix("auditLogs/") for log in record.audit_logs} <= scope.logs


def matches(record: AuditRecord, criteria: AuditFilter) -> bool:
    """Return whether a record matches all fields of a filter."""
    time = record.start_time.ToNanoseconds()
    texts = {name: getattr(criteria, name) for name in _TEXTS if getattr(criteria, name)}
    provider = criteria.provider
    return (
        (not criteria.HasField("start_time") or time >= criteria.start_time.ToNanoseconds())
        and (not criteria.HasField("end_time") or time < criteria.end_time.ToNanoseconds())
        and all(getattr(record, name) == text for name, text in texts.items())
        and (not criteria.resource or any(criteria.resource in resource_keys(name) for name in record.resources))
        and (not provider or (provider != GATEWAY_LOG and f"auditLogs/{provider}" in record.audit_logs))
        and (
            not criteria.HasField("status")
            or (record.status == criteria.status and record.outcome != AUDIT_OUTCOME_PENDING)
        )
        and (not criteria.HasField("denied") or record.denied == criteria.denied)
        and (not criteria.HasField("private_material") or record.private_material == criteria.private_material)
        and (not criteria.outcome or record.outcome == criteria.outcome)
    )


def omitted(records: Iterable[AuditRecord], criteria: AuditFilter, scope: Scope) -> int:
    """Return the calls outside of the scope in the hours of the time range."""
    if not scope.counts_omitted:
        return 0
    first = criteria.start_time.seconds // _HOUR if criteria.HasField("start_time") else 0
    last = -(-criteria.end_time.ToNanoseconds() // (_HOUR * 10**9)) if criteria.HasField("end_time") else 1 << 60
    hidden = (record for record in records if not is_in_scope(record, scope))
    return sum(record.calls for record in hidden if first <= record.start_time.seconds // _HOUR < last)


@dataclass
class ExpectedGroup:
    """The calls of a group. durations: of each call, in microseconds, sorted."""

    calls: int
    denied: int
    failed: int
    unknown: int
    durations: list[int]


def groups(
    records: Iterable[AuditRecord], dimensions: Sequence[AuditDimension.ValueType]
) -> dict[tuple[str, ...], ExpectedGroup]:
    """Return the groups of these records."""
    found: dict[tuple[str, ...], list[AuditRecord]] = defaultdict(list)
    for record in records:
        found[tuple(dimension_value(record, each) for each in dimensions)].append(record)
    return {key: _group(members) for key, members in found.items()}


def _group(records: Sequence[AuditRecord]) -> ExpectedGroup:
    return ExpectedGroup(
        sum(record.calls for record in records),
        sum(record.calls for record in records if record.denied),
        sum(record.calls for record in records if record.outcome == AUDIT_OUTCOME_FAILURE),
        sum(record.calls for record in records if record.outcome == AUDIT_OUTCOME_UNKNOWN),
        sorted(record.duration.ToMicroseconds() for record in records if record.HasField("duration")),
    )


def dimension_value(record: AuditRecord, dimension: AuditDimension.ValueType) -> str:
    """Return the value of a record in a dimension."""
    time = datetime.fromtimestamp(record.start_time.seconds, UTC)
    is_pending = record.outcome == AUDIT_OUTCOME_PENDING
    providers = (log.removeprefix("auditLogs/") for log in record.audit_logs)
    values = {
        "CALLER": record.caller,
        "ACTION": record.action,
        "RESOURCE": ", ".join(record.resources),
        "PROVIDER": ", ".join(provider for provider in providers if provider != GATEWAY_LOG),
        "STATUS": "PENDING" if is_pending else code_pb2.Code.Name(record.status),
        "HOUR": time.strftime("%Y-%m-%dT%H:00Z"),
        "DAY": time.strftime("%Y-%m-%d"),
        "REASON": record.reason,
        "PEER_ADDRESS": record.peer_address,
    }
    return values[AuditDimension.Name(dimension).removeprefix("AUDIT_DIMENSION_")]


async def assert_fitting(source: AuditSource, criteria: AuditFilter, count: int) -> None:
    """Check that answers with `count` large records fit into messages, and that the pages have all records."""
    found: list[str] = []
    after, pages = None, 0
    while after is not None or not pages:
        page = await source.list(criteria, Scope(), limit=1000, after=after)
        assert ListAuditRecordsResponse(records=page.records).ByteSize() < _MESSAGE_BYTES
        found += [record.request_id for record in page.records]
        after, pages = page.next, pages + 1
    assert (len(found), len(set(found)), pages > 1) == (count, count, True)
    summary = await source.summarize(criteria, Scope(), group_by=[AUDIT_DIMENSION_RESOURCE], limit=10_000)
    assert SummarizeAuditRecordsResponse(groups=summary.groups).ByteSize() < _MESSAGE_BYTES
    assert 0 < len(summary.groups) < count
    assert summary.truncated
