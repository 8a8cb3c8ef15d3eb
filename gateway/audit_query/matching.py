"""Comparison of audit records with filters, for sources that read records one by one."""

from gateway.audit_query.rows import AUDIT_LOGS, resource_keys
from gateway.audit_query.source import GATEWAY_LOG
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AUDIT_OUTCOME_UNSPECIFIED, AuditFilter, AuditRecord


def matches(record: AuditRecord, criteria: AuditFilter) -> bool:
    """Return whether the record matches all fields of the filter that are set."""
    return _in_range(record, criteria) and _has_result(record, criteria) and _has_names(record, criteria)


def _in_range(record: AuditRecord, criteria: AuditFilter) -> bool:
    start = record.start_time.ToNanoseconds()
    if criteria.HasField("start_time") and start < criteria.start_time.ToNanoseconds():
        return False
    return not criteria.HasField("end_time") or start < criteria.end_time.ToNanoseconds()


def _has_result(record: AuditRecord, criteria: AuditFilter) -> bool:
    if criteria.outcome not in (AUDIT_OUTCOME_UNSPECIFIED, record.outcome):
        return False
    if criteria.HasField("status") and (record.outcome == AUDIT_OUTCOME_PENDING or record.status != criteria.status):
        return False
    if criteria.HasField("denied") and record.denied != criteria.denied:
        return False
    return not criteria.HasField("private_material") or record.private_material == criteria.private_material


def _has_names(record: AuditRecord, criteria: AuditFilter) -> bool:
    if any(
        wanted and wanted != value
        for wanted, value in (
            (criteria.caller, record.caller),
            (criteria.action, record.action),
            (criteria.reason, record.reason),
            (criteria.surface, record.surface),
        )
    ):
        return False
    if criteria.provider and not _names_provider(record, criteria.provider):
        return False
    return not criteria.resource or any(criteria.resource in resource_keys(name) for name in record.resources)


def _names_provider(record: AuditRecord, provider: str) -> bool:
    """Return whether the request names the provider. `keyway:gateway` is a log, but not a provider."""
    return provider != GATEWAY_LOG and AUDIT_LOGS + provider in record.audit_logs
