"""The source over the index: time limits, cancellation, errors, and query plans."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit_query.index import listing, schema
from gateway.audit_query.index.conditions import Condition, call_conditions, where
from gateway.audit_query.index.listing import list_records
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.index.records import RecordReader
from gateway.audit_query.source import Position, Scope
from gateway.audit_query.time_ranges import time_range
from gateway.errors import AUDIT_QUERY_TIMEOUT, AUDIT_QUERY_UNAVAILABLE, GatewayError
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_UNKNOWN, AuditFilter
from tests.support.audit_answers import assert_fitting
from tests.support.audit_history import BEGIN, history, large_batches, write_history
from tests.support.audit_indexer import index_now, index_of

ENDLESS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers"
CALLS = 200


@pytest.fixture(scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("journal") / "audit"
    await write_history(directory, history(CALLS))
    index_now(directory)
    return directory


@pytest.fixture
async def source(directory: Path) -> AsyncIterator[LocalSource]:
    source = LocalSource(directory, index_of(directory), timeout=0.3)
    yield source
    await source.close()


def endless(connection: sqlite3.Connection) -> object:
    return connection.execute(ENDLESS).fetchone()


async def test_query_ends_after_its_time_limit(source: LocalSource) -> None:
    with pytest.raises(GatewayError) as caught:
        await source._run(endless)
    assert caught.value.kind is AUDIT_QUERY_TIMEOUT
    began = time.monotonic()
    await source.close()  # waits for the thread
    assert time.monotonic() - began < 5


async def test_canceled_query_ends(directory: Path) -> None:
    source = LocalSource(directory, index_of(directory))
    running = asyncio.create_task(source._run(endless))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(source.close(), 5)


async def test_missing_index_is_unavailable(tmp_path: Path) -> None:
    source = LocalSource(tmp_path, tmp_path / "index")
    with pytest.raises(GatewayError) as caught:
        await source.list(AuditFilter(), Scope(), limit=1, after=None)
    assert caught.value.kind is AUDIT_QUERY_UNAVAILABLE
    await source.close()


async def test_index_of_another_journal_is_unavailable(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "audit"
    await write_history(other, history(3))
    source = LocalSource(other, index_of(directory))
    with pytest.raises(GatewayError) as caught:
        await source.list(AuditFilter(), Scope(), limit=1, after=None)
    assert caught.value.kind is AUDIT_QUERY_UNAVAILABLE
    await source.close()


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "", "-1", "x"])
async def test_position_with_an_invalid_sequence_number_continues_at_its_time(source: LocalSource, number: str) -> None:
    page = await source.list(AuditFilter(), Scope(), limit=2, after=None)
    assert page.next is not None
    after = Position(page.next.time, f"{page.next.key.rpartition(':')[0]}:{number}")
    following = await source.list(AuditFilter(), Scope(), limit=1, after=after)
    assert following.records[0].start_time.ToMicroseconds() < page.next.time


async def test_position_of_another_index_continues_at_its_time(source: LocalSource) -> None:
    newest = await source.list(AuditFilter(), Scope(), limit=2, after=None)
    after = Position(newest.records[1].start_time.ToMicroseconds(), "unknown-chain:7")
    page = await source.list(AuditFilter(), Scope(), limit=1, after=after)
    assert page.records[0].start_time.ToMicroseconds() < after.time


async def test_state_and_coverage_of_a_complete_index(source: LocalSource) -> None:
    state = await source.state()
    assert state.pending == 0
    assert state.size > 0
    assert state.indexed is not None
    page = await source.list(AuditFilter(), Scope(), limit=1, after=None)
    assert page.coverage.complete
    assert len(page.coverage.journals) == 1
    assert abs(page.coverage.indexed_time.ToSeconds() - time.time()) < 60


async def test_records_that_are_not_indexed_yet_are_reported(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    await write_history(directory, history(10, days=1))
    index_now(directory)
    await write_history(directory, history(20, days=1, seed=2))
    source = LocalSource(directory, index_of(directory))
    state = await source.state()
    assert state.pending >= 20
    assert state.indexed is not None
    assert state.indexed.timestamp() <= BEGIN + 86_400
    await source.close()


@pytest.mark.parametrize(
    ("criteria", "index"),
    [
        (AuditFilter(), "PRIMARY KEY"),
        (AuditFilter(caller="x"), "calls_caller"),
        (AuditFilter(caller="x", denied=True), "calls_denied"),
        (AuditFilter(private_material=True), "calls_private"),
        (AuditFilter(outcome=AUDIT_OUTCOME_UNKNOWN), "calls_unsuccessful"),
        (AuditFilter(status=5), "calls_failed"),
    ],
)
def test_queries_use_the_indexes(directory: Path, criteria: AuditFilter, index: str) -> None:
    criteria = AuditFilter.FromString(criteria.SerializeToString())
    criteria.start_time.FromSeconds(BEGIN)
    conditions = [Condition("time >= ? AND time < ?", time_range(criteria)), *call_conditions(criteria, Scope())]
    sql, values = where(conditions)
    order = "ORDER BY time DESC, chain DESC, sequence DESC LIMIT 50"
    with closing(schema.open_reader(index_of(directory))) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM calls {sql} {order}", values).fetchall()
    (plan,) = (row[3] for row in rows if row[3].startswith("SEARCH calls"))
    assert index in plan


async def test_resources_are_merged_in_the_order_of_time(source: LocalSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource can be in many lists. All ways to find them give the same pages."""
    found = []
    for maximum in (0, 50):
        monkeypatch.setattr(listing, "_MAXIMUM_MERGED", maximum)
        page = await source.list(AuditFilter(resource="providers/nhn-keys"), Scope(), limit=20, after=None)
        found.append((page.records, page.next))
    assert found[0] == found[1]
    assert len(found[0][0]) == 20


def test_a_resource_is_found_without_sorting(directory: Path) -> None:
    sql = "SELECT * FROM calls WHERE time >= 0 AND time < 9 AND resources = {} "
    sql = f"{sql.format(1)} UNION ALL {sql.format(2)} ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 50"
    with closing(schema.open_reader(index_of(directory))) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert not any("TEMP B-TREE" in step for step in plan)
    assert sum("calls_resources" in step for step in plan) == 2


def test_later_pages_take_no_longer_than_the_first(directory: Path) -> None:
    steps: list[int] = []
    with closing(schema.open_reader(index_of(directory))) as connection:
        connection.set_progress_handler(lambda: steps.append(1), 20)
        reader, after, taken = RecordReader(connection, ""), None, []
        while True:
            steps.clear()
            _, after = list_records(connection, reader, AuditFilter(), Scope(), limit=10, after=after)
            taken.append(len(steps))
            if after is None:
                break
    assert len(taken) == CALLS / 10
    assert max(taken[:-1]) < 2 * taken[0]


def test_lookup_of_a_request_uses_the_index(directory: Path) -> None:
    sql = "SELECT * FROM segments CROSS JOIN calls ON calls.segment = segments.id WHERE calls.request = ?"
    with closing(schema.open_reader(index_of(directory))) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (b"x",)).fetchall()
    assert "calls_request (segment=? AND request=?)" in rows[-1][3]


async def test_answers_with_large_records_fit_into_a_message(tmp_path: Path) -> None:
    await write_history(tmp_path, large_batches(40, 100_000))
    index_now(tmp_path)
    source = LocalSource(tmp_path, index_of(tmp_path))
    await assert_fitting(source, AuditFilter(), 40)
    await source.close()
