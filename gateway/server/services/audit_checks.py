"""Checks of AuditService requests that the contract cannot express."""

from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.audit_query.source import GATEWAY_LOG
from gateway.contract.resource_names import AUDIT_LOG
from gateway.errors import InvalidRequest, Violation
from gateway.journal.format.records import Receipt
from keyway.v1 import audit_service_pb2 as service
from keyway.v1.audit_record_pb2 import AuditFilter

_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, in seconds since 1970."""
_NANOS = 1_000_000_000


def check_list(request: service.ListAuditRecordsRequest) -> None:
    """Check a request. Raises InvalidRequest."""
    _raise_for(_filter_problems(request.filter))


def check_get(request: service.GetAuditRecordRequest) -> None:
    """Check a request. Raises InvalidRequest."""
    _raise_for(_identity_problems(request))


def check_summarize(request: service.SummarizeAuditRecordsRequest) -> None:
    """Check a request. Raises InvalidRequest."""
    _raise_for([*_filter_problems(request.filter), *_group_problems(request)])


def check_gateway_log(name: str) -> None:
    """Check that a name is the audit log of the gateway. Raises InvalidRequest."""
    expected = AUDIT_LOG.format(provider=GATEWAY_LOG)
    _raise_for([] if name == expected else [Violation("name", f"must be '{expected}'")])


def _raise_for(problems: "list[Violation] | Iterator[Violation]") -> None:
    if found := list(problems):
        raise InvalidRequest(found)


def _filter_problems(criteria: AuditFilter) -> Iterator[Violation]:
    valid = []
    for name in ("start_time", "end_time"):
        time: Timestamp = getattr(criteria, name)
        if not (_EARLIEST <= time.seconds <= _LATEST and 0 <= time.nanos < _NANOS):
            yield Violation(f"filter.{name}", "must be a time in the years 1 to 9999")
        elif criteria.HasField(name):
            valid.append((time.seconds, time.nanos))
    if len(valid) == 2 and valid[0] >= valid[1]:
        yield Violation("filter.end_time", "must be later than start_time")


def _identity_problems(request: service.GetAuditRecordRequest) -> Iterator[Violation]:
    if bool(request.request_id) == bool(request.receipt):
        yield Violation("request_id", "exactly one of request_id and receipt is required")
    elif request.receipt:
        try:
            Receipt.parse(request.receipt)
        except ValueError:
            yield Violation("receipt", "must be CHAIN:SEQUENCE:HASH")


def _group_problems(request: service.SummarizeAuditRecordsRequest) -> Iterator[Violation]:
    if service.AUDIT_DIMENSION_UNSPECIFIED in request.group_by:
        yield Violation("group_by", "must not contain AUDIT_DIMENSION_UNSPECIFIED")
    elif len(set(request.group_by)) < len(request.group_by):
        yield Violation("group_by", "must not contain duplicates")
