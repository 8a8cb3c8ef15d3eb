"""Access to audit records: the methods of AuditService that queries use, and the iteration over records."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from keyway.audit.times import time_text
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import (
    AuditCoverage,
    GetAuditRecordRequest,
    GetAuditRecordResponse,
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    SummarizeAuditRecordsRequest,
    SummarizeAuditRecordsResponse,
)

EVERY_LOG: Final = "auditLogs/-"
LARGEST_PAGE: Final = 1000


class RecordReader(Protocol):
    """Returns records with their events."""

    async def get_audit_record(self, request: GetAuditRecordRequest, /) -> GetAuditRecordResponse:
        """Return one record with its events."""
        ...


class AuditReader(RecordReader, Protocol):
    """Answers queries: the asyncio client of a gateway (`client.audit`), or a journal directory."""

    async def list_audit_records(self, request: ListAuditRecordsRequest, /) -> ListAuditRecordsResponse:
        """Return one page of records, newest first."""
        ...

    async def summarize_audit_records(self, request: SummarizeAuditRecordsRequest, /) -> SummarizeAuditRecordsResponse:
        """Return groups of calls."""
        ...


@dataclass(slots=True)
class Completeness:
    """What is missing from the answers to a command.

    omitted: the number of calls that the caller may not read. incomplete: why answers are not complete. more: whether
    there are more rows than the limit. indexed: all records before this time are included, in nanoseconds since 1970;
    0 if unknown.
    """

    omitted: int = 0
    incomplete: list[str] = field(default_factory=list)
    more: bool = False
    indexed: int = 0

    def take(self, coverage: AuditCoverage, omitted: int = 0) -> None:
        """Add what is missing from one answer."""
        # All queries of a command have the same time range, so each of them omits the same calls.
        self.omitted = max(self.omitted, omitted)
        if coverage.HasField("indexed_time"):
            indexed = coverage.indexed_time.ToNanoseconds()
            self.indexed = min(self.indexed, indexed) if self.indexed else indexed
        if not coverage.complete:
            until = f"; complete until {time_text(coverage.indexed_time)}" if coverage.HasField("indexed_time") else ""
            text = f"the answer is not complete: {coverage.incomplete_reason or 'records are missing'}{until}"
            if text not in self.incomplete:
                self.incomplete.append(text)

    def notes(self) -> list[str]:
        """Return the notes to print on standard error."""
        notes = list(self.incomplete)
        if self.omitted:
            notes.append(f"{self.omitted} calls in the time range are omitted: you may not read their audit logs")
        return notes


async def records(
    reader: AuditReader, filters: Sequence[AuditFilter], completeness: Completeness, limit: int | None = None
) -> AsyncIterator[AuditRecord]:
    """Yield the records that match one of the filters, newest first. limit: the maximum number of records.

    The filters must be such that no record matches two of them.
    """
    # One record more than the limit shows whether there are more.
    page_size = LARGEST_PAGE if limit is None else min(limit + 1, LARGEST_PAGE)
    sources = [_matching(reader, each, completeness, page_size) for each in filters]
    heads = [await anext(source, None) for source in sources]
    count = 0
    while any(head is not None for head in heads):
        if limit is not None and count == limit:
            completeness.more = True
            return
        newest = max(
            (number for number, head in enumerate(heads) if head is not None),
            key=lambda number: _order(heads[number]),
        )
        found = heads[newest]
        assert found is not None
        yield found
        count += 1
        heads[newest] = await anext(sources[newest], None)


async def _matching(
    reader: AuditReader, criteria: AuditFilter, completeness: Completeness, page_size: int
) -> AsyncIterator[AuditRecord]:
    request = ListAuditRecordsRequest(parent=EVERY_LOG, filter=criteria, page_size=page_size)
    while True:
        page = await reader.list_audit_records(request)
        completeness.take(page.coverage, page.omitted_calls)
        for record in page.records:
            yield record
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _order(record: AuditRecord | None) -> int:
    return record.start_time.ToNanoseconds() if record is not None else 0
