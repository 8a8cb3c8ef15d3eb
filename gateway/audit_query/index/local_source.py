"""The source that answers queries from the index of a journal, for the gateway and for offline commands.

Queries run on threads. SQLite releases the interpreter lock, so the gateway continues to serve calls.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from gateway.audit_query.index import schema
from gateway.audit_query.index.coverage import coverage, indexed_ms, pending_records
from gateway.audit_query.index.following import IndexContradictsJournal
from gateway.audit_query.index.indexer import check_journal, is_damage
from gateway.audit_query.index.listing import list_records, omitted_calls
from gateway.audit_query.index.lookup import RecordLookup
from gateway.audit_query.index.records import RecordReader
from gateway.audit_query.index.schema import IndexUnusable
from gateway.audit_query.index.summary import summarize
from gateway.audit_query.source import FoundRecord, IndexState, Position, RecordPage, Scope, Summary
from gateway.audit_query.time_ranges import time_range
from gateway.errors import AUDIT_QUERY_TIMEOUT, AUDIT_QUERY_UNAVAILABLE, GatewayError
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import AuditDimension

_MAXIMUM_THREADS: Final = 4
_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class LocalSource:
    """An AuditSource over the index in `folder` of the journal in `directory`.

    timeout: time limit of one query in seconds; None for no limit. offline: whether the indexer can be absent. closed:
    called by `close`.
    """

    def __init__(
        self,
        directory: Path,
        folder: Path,
        *,
        timeout: float | None = None,
        offline: bool = False,
        closed: Callable[[], None] | None = None,
    ) -> None:
        self._directory = directory
        self._folder = folder
        self._timeout = timeout
        self._offline = offline
        self._closed = closed
        self._threads = ThreadPoolExecutor(_MAXIMUM_THREADS, "audit-query")

    async def list(self, criteria: AuditFilter, scope: Scope, *, limit: int, after: Position | None) -> RecordPage:
        """Return the records after a position, at most `limit`."""

        def query(connection: sqlite3.Connection) -> RecordPage:
            reader = self._reader(connection)
            records, position = list_records(connection, reader, criteria, scope, limit=limit, after=after)
            omitted = omitted_calls(connection, time_range(criteria), scope)
            return RecordPage(records, position, omitted, coverage(connection, self._directory))

        return await self._run(query)

    async def get(self, scope: Scope, *, request_id: str = "", receipt: str = "") -> FoundRecord | None:
        """Return the record with this request ID, or the one of this receipt; None if there is none."""

        def query(connection: sqlite3.Connection) -> FoundRecord | None:
            lookup = RecordLookup(connection, self._reader(connection), self._directory, scope)
            found = lookup.by_request(request_id) if request_id else lookup.by_receipt(receipt)
            return FoundRecord(*found, coverage(connection, self._directory)) if found is not None else None

        return await self._run(query)

    async def summarize(
        self, criteria: AuditFilter, scope: Scope, *, group_by: Sequence[AuditDimension.ValueType], limit: int
    ) -> Summary:
        """Return the largest groups, at most `limit`."""

        def query(connection: sqlite3.Connection) -> Summary:
            groups, truncated = summarize(connection, criteria, scope, group_by, limit)
            omitted = omitted_calls(connection, time_range(criteria), scope)
            return Summary(groups, truncated, omitted, coverage(connection, self._directory))

        return await self._run(query)

    async def state(self) -> IndexState:
        """Return the state of the index."""

        def query(connection: sqlite3.Connection) -> IndexState:
            indexed = indexed_ms(connection, self._directory)
            return IndexState(
                pending_records(connection, self._directory),
                datetime.fromtimestamp(indexed / 1000, UTC) if indexed > 0 else None,
                schema.size(self._folder),
            )

        return await self._run(query)

    async def close(self) -> None:
        """Wait for running queries, and close."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._closed is not None:
            await asyncio.to_thread(self._closed)

    def _reader(self, connection: sqlite3.Connection) -> RecordReader:
        return RecordReader(connection, str(schema.state(connection, "journal") or ""))

    async def _run(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run a query on a thread. Stops the query after a cancellation or the timeout. Raises GatewayError."""
        stopped = threading.Event()
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._query, query, stopped)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.shield(running)
        except TimeoutError:
            message = "the query took too long; select a shorter time range"
            raise GatewayError(AUDIT_QUERY_TIMEOUT, message) from None
        finally:
            stopped.set()
            running.add_done_callback(_ignore)

    def _query(self, query: Callable[[sqlite3.Connection], _Result], stopped: threading.Event) -> _Result:
        """Run a query in one transaction, so that all its statements see the same state."""
        try:
            with closing(schema.open_reader(self._folder, stopped.is_set, offline=self._offline)) as connection:
                connection.execute("BEGIN")
                check_journal(self._directory, connection)
                return query(connection)
        except (IndexUnusable, IndexContradictsJournal, sqlite3.Error, OSError) as error:
            if not stopped.is_set():
                self._report(error)
            raise GatewayError(AUDIT_QUERY_UNAVAILABLE, "the index of the audit journal is not available") from error

    def _report(self, error: Exception) -> None:
        _log.warning("audit_query_failed", error=str(error))
        if not self._offline and isinstance(error, sqlite3.DatabaseError) and is_damage(error):
            try:
                schema.request_rebuild(self._folder)
            except OSError as problem:
                _log.warning("audit_index_rebuild_request_failed", error=str(problem))


def _ignore(running: "asyncio.Future[Any]") -> None:
    """Retrieve the exception of an abandoned query, so that asyncio does not report it."""
    if not running.cancelled():
        running.exception()
