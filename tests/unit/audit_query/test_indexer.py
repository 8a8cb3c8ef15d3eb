"""The indexer: every record of the journal is in the index exactly once, whatever happens."""

import asyncio
import os
import random
import signal
import sqlite3
import threading
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.events import CallEvents
from gateway.audit_query.index import indexer, schema
from gateway.audit_query.index.following import ChainFollower
from gateway.audit_query.index.local_source import LocalSource
from gateway.journal.format.segments import chain_folder, segment_path, segment_starts
from gateway.journal.write.entries import OutcomeEntry
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AUDIT_OUTCOME_SUCCESS
from tests.support import audit_answers
from tests.support.audit_history import PastCall, history, history_journal, write, write_history
from tests.support.audit_indexer import (
    assert_complete,
    by_receipt,
    index_now,
    index_of,
    indexed_records,
    indexer_process,
    until_indexed,
)
from tests.support.waiting import eventually

CALLS = 300


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """A journal of several segments."""
    directory = tmp_path / "audit"
    await write_history(directory, history(CALLS), segment_bytes=100_000)
    return directory


async def test_killed_indexer_loses_and_repeats_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    calls = history(6000, days=2)
    source = LocalSource(directory, index_of(directory))
    async with history_journal(directory, segment_bytes=1_000_000) as journal:
        for chance in (random.Random(seed) for seed in range(6)):
            with indexer_process(directory) as process:
                for _ in range(10):
                    await write(journal, islice(calls, 100))
                    await asyncio.sleep(chance.uniform(0, 0.2))
                process.kill()
        await write(journal, calls)
    with indexer_process(directory):
        await until_indexed(source)
    await source.close()
    await assert_complete(directory)


async def test_turn_that_fails_before_its_position_is_stored_writes_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ChainFollower, "_store", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index_now(directory)
    index_now(directory)
    await assert_complete(directory)


async def test_indexer_ignores_signals_and_ends_with_its_input(directory: Path) -> None:
    source = LocalSource(directory, index_of(directory))
    with indexer_process(directory) as process:
        await until_indexed(source)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
        await until_indexed(source)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    assert process.returncode == 0
    await source.close()
    await assert_complete(directory)


async def test_two_processes_do_not_write_one_index(directory: Path) -> None:
    source = LocalSource(directory, index_of(directory))
    with indexer_process(directory), indexer_process(directory):
        await until_indexed(source)
    await source.close()
    await assert_complete(directory)


async def test_pending_call_is_completed_later(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    async with history_journal(directory) as journal:
        (past,) = (each for each in islice(history(CALLS), 1))
        assert isinstance(past, PastCall)
        result, past.result = past.result, None
        await write(journal, [past])
        index_now(directory)
        (pending,) = await indexed_records(directory)
        assert pending.outcome == AUDIT_OUTCOME_PENDING
        await assert_complete(directory)
        assert result is not None
        call_events = CallEvents(past.details, past.began)
        journal.append(OutcomeEntry(pending.request_id, lambda: call_events.outcome(result)))
        index_now(directory)
    (completed,) = await indexed_records(directory)
    assert completed.outcome == AUDIT_OUTCOME_SUCCESS
    assert completed.start_time == pending.start_time
    await assert_complete(directory)


async def test_records_that_retention_removed_disappear(directory: Path) -> None:
    index_now(directory)
    chain = chain_folder(directory, 0)
    starts = segment_starts(chain)
    kept = starts[len(starts) // 2 :]
    for start in starts[: len(starts) // 2]:
        segment_path(chain, start).unlink()
        index_now(directory)
    await assert_complete(directory)
    assert segment_starts(chain) == kept
    requests = {record.request_id for record in audit_answers.records_of(directory)}
    with sqlite3.connect(schema.index_file(index_of(directory))) as connection:
        (texts,) = connection.execute("SELECT count(*) FROM texts").fetchone()
        (segments,) = connection.execute("SELECT count(*) FROM segments").fetchone()
        (used,) = connection.execute("SELECT count(DISTINCT caller) FROM calls").fetchone()
    connection.close()
    assert segments <= len(kept)
    assert len(requests) < CALLS
    assert used < texts


async def test_texts_of_removed_records_are_removed(directory: Path) -> None:
    index_now(directory)
    chain = chain_folder(directory, 0)
    for start in segment_starts(chain)[:-1]:
        segment_path(chain, start).unlink()
    index_now(directory)
    expected = {record.caller for record in audit_answers.records_of(directory)}
    with sqlite3.connect(schema.index_file(index_of(directory))) as connection:
        texts = {text for (text,) in connection.execute("SELECT text FROM texts WHERE text LIKE 'spiffe:%'")}
    connection.close()
    assert texts == {each for each in expected if each.startswith("spiffe:")}


async def test_texts_of_removed_records_are_removed_although_another_chain_has_older_ones(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    await write_history(directory, history(30, callers=3))
    await write_history(directory, history(CALLS, seed=2), worker=1, segment_bytes=100_000)
    index_now(directory)
    chain = chain_folder(directory, 1)
    for start in segment_starts(chain)[:-1]:
        for path in chain.glob(f"{start:020}.*"):
            path.unlink()
    index_now(directory)
    await assert_complete(directory)
    expected = {record.caller for record in audit_answers.records_of(directory)}
    with sqlite3.connect(schema.index_file(index_of(directory))) as connection:
        texts = {text for (text,) in connection.execute("SELECT text FROM texts WHERE text LIKE 'spiffe:%'")}
    connection.close()
    assert texts == {each for each in expected if each.startswith("spiffe:")}


async def test_segments_are_compressed_and_removed_while_the_indexer_follows(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    source = LocalSource(directory, index_of(directory))
    compressed: set[str] = set()
    settings: dict[str, Any] = {"segment_bytes": 200_000, "remove_unshipped": True, "retention_bytes": 1 << 20}
    with indexer_process(directory):
        async with history_journal(directory, retention=10**10, minimum_free=0.0, **settings) as journal:
            calls = history(4000, days=2)
            for _ in range(8):
                await write(journal, islice(calls, 500))
                await journal._maintenance.run(journal._writer)
                compressed |= {path.name for path in chain_folder(directory, 0).glob("*.zst")}
        await until_indexed(source)

        async def removed() -> bool:
            expected = audit_answers.records_of(directory)
            return by_receipt(await indexed_records(directory)) == by_receipt(expected)

        await eventually(removed)
    await source.close()
    assert segment_starts(chain_folder(directory, 0))[0] > 1
    assert compressed
    await assert_complete(directory)


async def test_log_of_the_database_is_limited_while_queries_follow_on_each_other(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOG_BYTES", 100_000)
    index_now(directory)
    folder, stop, sizes = index_of(directory), threading.Event(), []

    def query() -> None:
        while not stop.is_set():
            with closing(schema.open_reader(folder)) as connection:
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM calls").fetchone()
                stop.wait(0.1)

    queries = [threading.Thread(target=query) for _ in range(2)]
    for each in queries:
        each.start()
    with closing(indexer.Indexer.open(directory, folder)) as writer:
        for number in range(100):
            schema.set_state(writer._connection, "filler", f"{number}{'x' * 50_000}")
            writer.turn()
            sizes.append(schema.log_size(folder))
    stop.set()
    for each in queries:
        each.join()
    assert max(sizes) < 1_000_000
