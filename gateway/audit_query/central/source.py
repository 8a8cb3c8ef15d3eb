"""The source that answers queries from the central store."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from gateway.audit_query.central import conditions
from gateway.audit_query.central.counting import CountedCalls, omitted_calls
from gateway.audit_query.central.coverage import Coverage
from gateway.audit_query.central.heads import Heads
from gateway.audit_query.central.listing import Listing, position_of
from gateway.audit_query.central.settings import CentralSettings
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.central.stored_records import StoredEvent, StoredRecords, record_of
from gateway.audit_query.central.summary import Summarizer
from gateway.audit_query.source import FoundRecord, IndexState, Position, RecordPage, Scope, Summary
from gateway.audit_query.time_ranges import FOREVER_MS, TimeRange, time_range
from gateway.errors import AUDIT_QUERY_TIMEOUT, GatewayError
from gateway.journal.format.records import Receipt
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import AuditDimension

_ALWAYS: Final = TimeRange(0, FOREVER_MS)


class CentralSource:
    """An AuditSource that uses the central store. timeout: time limit of one query in seconds."""

    def __init__(self, settings: CentralSettings, timeout: float) -> None:
        self._timeout = timeout
        self._store = CentralStore(settings, timeout)
        self._records = StoredRecords(self._store)
        self._heads = Heads(self._store)
        self._listing = Listing(self._store, self._records, self._heads)
        self._coverage = Coverage(self._store, self._heads, settings.journals)

    async def close(self) -> None:
        """Close the connections to the store."""
        await self._store.close()

    async def state(self) -> IndexState | None:
        """Return None, because the source has no index."""
        return None

    async def list(self, criteria: AuditFilter, scope: Scope, *, limit: int, after: Position | None) -> RecordPage:
        """Return the records after a position, at most `limit`."""
        times = time_range(criteria)
        async with _requests(self._timeout) as group:
            coverage = group.create_task(self._coverage.read(times))
            omitted = group.create_task(omitted_calls(self._store, times, scope))
            found = group.create_task(self._listing.read(criteria, scope, limit, after))
        records, has_more = found.result()
        position = position_of(records[-1][0]) if has_more else None
        page = [record for _, record in records]
        return RecordPage(page, position, omitted.result(), coverage.result())

    async def get(self, scope: Scope, *, request_id: str = "", receipt: str = "") -> FoundRecord | None:
        """Return the record with this request ID, or the one of this receipt; None if there is none."""
        async with _requests(self._timeout) as group:
            coverage = group.create_task(self._coverage.read(_ALWAYS))
            found = group.create_task(self._events_of(request_id, receipt))
        events = found.result()
        record = record_of(events)
        if record is None or not conditions.is_visible(scope, record.audit_logs):
            return None
        return FoundRecord(record, [event.journal_record() for event in events], coverage.result())

    async def summarize(
        self, criteria: AuditFilter, scope: Scope, *, group_by: Sequence[AuditDimension.ValueType], limit: int
    ) -> Summary:
        """Return the largest groups, at most `limit`."""
        times = time_range(criteria)
        summarizer = Summarizer(criteria, scope, group_by)
        async with _requests(self._timeout) as group:
            coverage = group.create_task(self._coverage.read(times))
            omitted = group.create_task(omitted_calls(self._store, times, scope))
            group.create_task(summarizer.add_stored(self._store, times))
            pending = group.create_task(self._listing.pending(criteria, scope, times))
        for record in pending.result():
            summarizer.add(CountedCalls(record, record.start_time.ToMilliseconds(), 1, {}))
        groups, truncated = summarizer.largest(limit)
        return Summary(groups, truncated, omitted.result(), coverage.result())

    async def _events_of(self, request_id: str, receipt: str) -> Sequence[StoredEvent]:
        if request_id:
            return await self._records.of_request(request_id)
        try:
            wanted = Receipt.parse(receipt)
        except ValueError:
            return ()
        found = await self._records.of_receipt(wanted.chain, wanted.sequence)
        if (event := next((each for each in found if each.hash == wanted.hash), None)) is None:
            return ()
        return await self._records.of_request(event.request_id) if event.request_id else [event]


@asynccontextmanager
async def _requests(timeout: float) -> AsyncIterator[asyncio.TaskGroup]:  # noqa: ASYNC109 - for all requests together
    """Run the requests of a query. The first error cancels the others and is raised."""
    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            yield group
    except TimeoutError:
        raise GatewayError(AUDIT_QUERY_TIMEOUT, "the query took too long; select a shorter time range") from None
    except ExceptionGroup as group_of_errors:
        raise group_of_errors.exceptions[0] from None
