"""The indexer: every record of the journal is in the index exactly once, whatever happens."""

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.events import CallEvents
from gateway.audit_query.index import schema
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.source import Scope
from gateway.errors import AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.identity.caller import Caller
from gateway.journal.format.segments import chain_folder, segment_path, segment_starts
from gateway.journal.write.entries import OutcomeEntry
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AUDIT_OUTCOME_SUCCESS, AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import AUDIT_DIMENSION_DAY, AUDIT_DIMENSION_STATUS
from tests.support import audit_answers
from tests.support.audit_history import PastCall, history, history_journal, write, write_history
from tests.support.audit_indexer import index_now, index_of, indexed_records, indexer_process, until_indexed
from tests.support.journals import crashed_copy, roll_back
from tests.support.waiting import eventually

CALLS = 300


def by_receipt(records: list[AuditRecord]) -> list[AuditRecord]:
    return sorted(records, key=lambda record: record.receipt)


async def assert_complete(directory: Path) -> None:
    """The index answers as an evaluation of every record in the journal does."""
    expected = audit_answers.records_of(directory)
    assert by_receipt(await indexed_records(directory)) == by_receipt(expected)
    source = LocalSource(directory, index_of(directory))
    dimensions = (AUDIT_DIMENSION_DAY, AUDIT_DIMENSION_STATUS)
    summary = await source.summarize(AuditFilter(), Scope(frozenset(), True), group_by=dimensions, limit=10_000)
    assert summary.omitted == sum(record.calls for record in expected)
    summary = await source.summarize(AuditFilter(), Scope(), group_by=dimensions, limit=10_000)
    counted = {tuple(group.values): group.calls for group in summary.groups}
    assert counted == {key: group.calls for key, group in audit_answers.groups(expected, dimensions).items()}
    await source.close()


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


async def test_segments_are_compressed_and_removed_while_the_indexer_follows(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    source = LocalSource(directory, index_of(directory))
    settings: dict[str, Any] = {"segment_bytes": 200_000, "remove_unshipped": True, "retention_bytes": 1 << 20}
    with indexer_process(directory):
        async with history_journal(directory, retention=10**10, minimum_free=0.0, **settings) as journal:
            calls = history(4000, days=2)
            for _ in range(8):
                await write(journal, islice(calls, 500))
                await journal._maintenance.run(journal._writer)
        await until_indexed(source)

        async def removed() -> bool:
            expected = audit_answers.records_of(directory)
            return by_receipt(await indexed_records(directory)) == by_receipt(expected)

        await eventually(removed)
    await source.close()
    assert segment_starts(chain_folder(directory, 0))[0] > 1
    assert list(chain_folder(directory, 0).glob("*.zst"))
    await assert_complete(directory)


async def test_index_with_records_that_the_journal_lost_is_built_anew(directory: Path) -> None:
    index_now(directory)
    roll_back(chain_folder(directory, 0), CALLS)
    (directory / "manifest").unlink()  # it names the lost head
    index_now(directory)
    assert len(await indexed_records(directory)) < CALLS * 0.6
    await assert_complete(directory)


async def test_journal_that_lost_records_while_the_indexer_runs(directory: Path) -> None:
    source = LocalSource(directory, index_of(directory))
    with indexer_process(directory):
        await until_indexed(source)
        chain = chain_folder(directory, 0)
        last = segment_path(chain, segment_starts(chain)[-1])
        lines = last.read_bytes().splitlines(keepends=True)
        os.truncate(last, len(b"".join(lines[:-2])))

        async def rebuilt() -> bool:
            try:
                records = await indexed_records(directory)
            except GatewayError:
                return False
            return by_receipt(records) == by_receipt(audit_answers.records_of(directory))

        await eventually(rebuilt)
    await source.close()


def overwrite(path: Path) -> None:
    """Damage every page after the first ones."""
    with path.open("r+b") as file:
        for offset in range(3 * 4096, path.stat().st_size, 4096):
            file.seek(offset)
            file.write(b"\xff" * 2000)


def change_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        overwrite,
        lambda path: path.write_bytes(b"no database" * 1000),
        lambda path: path.write_bytes(b""),
        change_version,
    ],
)
async def test_damaged_index_is_built_anew(directory: Path, damage: Callable[[Path], object]) -> None:
    index_now(directory)
    damage(schema.index_file(index_of(directory)))
    source = LocalSource(directory, index_of(directory))
    with pytest.raises(GatewayError) as caught:
        await source.list(AuditFilter(), Scope(), limit=1000, after=None)
    await source.close()
    assert caught.value.kind is AUDIT_QUERY_UNAVAILABLE
    index_now(directory)
    await assert_complete(directory)


async def test_damaged_line_is_skipped_and_reported(directory: Path) -> None:
    chain = chain_folder(directory, 0)
    path = segment_path(chain, segment_starts(chain)[1])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = b"{}\n"
    path.write_bytes(b"".join(lines))
    index_now(directory)
    source = LocalSource(directory, index_of(directory))
    page = await source.list(AuditFilter(), Scope(), limit=1000, after=None)
    await source.close()
    assert CALLS - 1 <= len(page.records) <= CALLS
    assert not page.coverage.complete
    assert "1 lines or segments of the journal are damaged" in page.coverage.incomplete_reason


async def test_repeated_and_foreign_lines_are_skipped(directory: Path) -> None:
    chain = chain_folder(directory, 0)
    path = segment_path(chain, segment_starts(chain)[1])
    lines = path.read_bytes().splitlines(keepends=True)
    foreign = lines[3].replace(b'{"chain":"gw-', b'{"chain":"gx-')
    path.write_bytes(b"".join([*lines[:4], lines[2], foreign, *lines[4:]]))
    index_now(directory)
    assert len(await indexed_records(directory)) == CALLS


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
async def test_links_and_devices_are_not_followed(directory: Path, make: Callable[[Path], object]) -> None:
    index_of(directory).mkdir()
    make(schema.index_file(index_of(directory)))
    with pytest.raises(OSError, match="not a regular file"):
        index_now(directory)
    source = LocalSource(directory, index_of(directory))
    with pytest.raises(GatewayError):
        await source.state()
    await source.close()


async def test_files_are_accessible_to_their_owner_only(directory: Path) -> None:
    with indexer_process(directory):
        source = LocalSource(directory, index_of(directory))
        await until_indexed(source)
        files = [index_of(directory), *index_of(directory).iterdir()]
        assert {path.stat().st_mode & 0o077 for path in files} == {0}
        await source.close()


async def test_new_journal_in_the_directory_replaces_the_index(directory: Path) -> None:
    index_now(directory)
    other = crashed_copy(directory)
    for path in (chain_folder(directory, 0), directory / "manifest"):
        path.rename(other / f"old-{path.name}")
    await write_history(directory, history(20, seed=7))
    index_now(directory)
    await assert_complete(directory)


async def test_file_that_cannot_be_read_does_not_stop_other_chains(directory: Path) -> None:
    await write_history(directory, history(20, seed=7), worker=1)
    chain = chain_folder(directory, 0)
    path = segment_path(chain, segment_starts(chain)[1])
    path.rename(path.with_name("moved"))
    os.mkfifo(path)
    index_now(directory)
    source = LocalSource(directory, index_of(directory))
    page = await source.list(AuditFilter(), Scope(), limit=1000, after=None)
    await source.close()
    assert 20 < len(page.records) < CALLS
    assert not page.coverage.complete
    assert page.coverage.incomplete_reason.startswith(
        "the index is being built; worker-0 cannot be read: not a regular"
    )
    path.unlink()
    path.with_name("moved").rename(path)
    index_now(directory)
    await assert_complete(directory)


async def test_texts_of_callers_are_data(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    texts = ["x\0y", "'; DROP TABLE calls; --", '["a"]', "%", "\u202e\ud7ff", "é", "e\u0301"]
    calls = [each for each in islice(history(50), 20) if isinstance(each, PastCall)][: len(texts)]
    for past, text in zip(calls, texts, strict=True):
        past.details.caller = Caller(text, "jwt")
        past.details.resources = [("keyway.dev/Key", f"providers/{text}/keys/{text}")]
        past.details.caller_request_id = text
    await write_history(directory, calls)
    index_now(directory)
    await assert_complete(directory)
    source = LocalSource(directory, index_of(directory))
    for text in texts:
        caller, resource = AuditFilter(caller=f"sub:{text}"), AuditFilter(resource=f"{text}/{text}")
        for criteria in (caller, resource, AuditFilter(provider=text)):
            page = await source.list(criteria, Scope(), limit=10, after=None)
            assert [record.caller for record in page.records] == [f"sub:{text}"]
    await source.close()
