"""Adapter from an AuditSource to the AuditReader that the commands use, for commands on a journal directory."""

from collections.abc import Sequence
from typing import Final

from gateway.audit_query.source import AuditSource, FoundRecord, Position, Scope
from gateway.errors import AUDIT_RECORD_NOT_FOUND, GatewayError
from keyway.v1.audit_service_pb2 import (
    GetAuditRecordRequest,
    GetAuditRecordResponse,
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    SummarizeAuditRecordsRequest,
    SummarizeAuditRecordsResponse,
)

_EVERYTHING: Final = Scope()


class SourceReader:
    """The AuditReader of a source. It checks no permissions: whoever can read the files can read all records."""

    def __init__(self, source: AuditSource) -> None:
        self._source = source

    async def list_audit_records(self, request: ListAuditRecordsRequest, /) -> ListAuditRecordsResponse:
        """Return one page of records, newest first."""
        after = _position(request.page_token) if request.page_token else None
        page = await self._source.list(request.filter, _EVERYTHING, limit=request.page_size, after=after)
        token = f"{page.next.time}:{page.next.key}" if page.next is not None else ""
        return ListAuditRecordsResponse(
            records=page.records, next_page_token=token, omitted_calls=page.omitted, coverage=page.coverage
        )

    async def get_audit_record(self, request: GetAuditRecordRequest, /) -> GetAuditRecordResponse:
        """Return one record with its events. Raises GatewayError if there is none."""
        found = await self._source.get(_EVERYTHING, request_id=request.request_id, receipt=request.receipt)
        if found is None:
            raise GatewayError(AUDIT_RECORD_NOT_FOUND, "there is no such audit record")
        return response_of(found)

    async def summarize_audit_records(self, request: SummarizeAuditRecordsRequest, /) -> SummarizeAuditRecordsResponse:
        """Return groups of calls."""
        summary = await self._source.summarize(
            request.filter, _EVERYTHING, group_by=request.group_by, limit=request.max_groups
        )
        return SummarizeAuditRecordsResponse(
            groups=summary.groups,
            truncated=summary.truncated,
            omitted_calls=summary.omitted,
            coverage=summary.coverage,
        )


class HeldRecords:
    """A RecordReader that returns records from memory."""

    def __init__(self) -> None:
        self._found: dict[str, FoundRecord] = {}

    def hold(self, found: Sequence[FoundRecord]) -> None:
        """Replace the records in memory."""
        self._found = {each.record.receipt: each for each in found}

    async def get_audit_record(self, request: GetAuditRecordRequest, /) -> GetAuditRecordResponse:
        """Return one record with its events, by its receipt."""
        return response_of(self._found[request.receipt])


def response_of(found: FoundRecord) -> GetAuditRecordResponse:
    """Return the response with a record."""
    return GetAuditRecordResponse(record=found.record, journal_records=found.journal_records, coverage=found.coverage)


def _position(token: str) -> Position:
    time, _, key = token.partition(":")
    return Position(int(time), key)
