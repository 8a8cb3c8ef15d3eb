"""The indexer and damage: lost records, damaged databases, altered journals, and files that are no files."""

import os
import re
import sqlite3
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from gateway.audit_query.index import schema
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.source import Scope
from gateway.errors import AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.identity.caller import Caller
from gateway.journal.format.segments import chain_folder, segment_path, segment_starts
from keyway.v1.audit_record_pb2 import AuditFilter
from tests.support import audit_answers
from tests.support.audit_history import PastCall, history, write_history
from tests.support.audit_indexer import (
    assert_complete,
    by_receipt,
    index_now,
    index_of,
    indexed_records,
    indexer_process,
    until_indexed,
)
from tests.support.journals import crashed_copy, roll_back
from tests.support.waiting import eventually

CALLS = 300


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """A journal of several segments."""
    directory = tmp_path / "audit"
    await write_history(directory, history(CALLS), segment_bytes=100_000)
    return directory


async def test_index_with_records_that_the_journal_lost_is_rebuilt(directory: Path) -> None:
    index_now(directory)
    roll_back(chain_folder(directory, 0), CALLS)
    (directory / "manifest").unlink()  # it names the lost head
    index_now(directory)
    assert len(await indexed_records(directory)) < CALLS * 0.6
    await assert_complete(directory)


async def test_index_is_rebuilt_if_the_journal_loses_records_while_the_indexer_runs(directory: Path) -> None:
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


async def test_index_that_is_deleted_while_the_indexer_runs_is_rebuilt(directory: Path) -> None:
    source = LocalSource(directory, index_of(directory))
    with indexer_process(directory):
        await until_indexed(source)
        for path in index_of(directory).glob("calls.sqlite*"):
            path.unlink()
        await until_indexed(source)
        await assert_complete(directory)
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
async def test_damaged_index_is_rebuilt(directory: Path, damage: Callable[[Path], object]) -> None:
    index_now(directory)
    damage(schema.index_file(index_of(directory)))
    source = LocalSource(directory, index_of(directory))
    with pytest.raises(GatewayError) as caught:
        await source.list(AuditFilter(), Scope(), limit=1000, after=None)
    await source.close()
    assert caught.value.kind is AUDIT_QUERY_UNAVAILABLE
    index_now(directory)
    await assert_complete(directory)


@pytest.mark.parametrize("sequence", [b"9" * 19, b"9" * 5000])
async def test_record_with_an_invalid_sequence_number_is_skipped(directory: Path, sequence: bytes) -> None:
    chain = chain_folder(directory, 0)
    path = segment_path(chain, segment_starts(chain)[1])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4:4] = [re.sub(rb'"sequence":[0-9]+', b'"sequence":' + sequence, lines[3])]
    path.write_bytes(b"".join(lines))
    index_now(directory)
    assert len(await indexed_records(directory)) == CALLS


async def test_indexer_pauses_while_the_disk_is_nearly_full(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.statvfs(directory)
    with monkeypatch.context() as full:
        full.setattr(schema, "_FREE_BYTES", 1 << 60)
        full.setattr(schema, "_FREE_PART", status.f_blocks / (status.f_bavail + (1 << 40)))
        index_now(directory)
    source = LocalSource(directory, index_of(directory))
    page = await source.list(AuditFilter(), Scope(), limit=1000, after=None)
    await source.close()
    assert page.records == []
    assert "the disk is nearly full" in page.coverage.incomplete_reason
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
        "the index is being built; worker-0 cannot be indexed: not a regular"
    )
    path.unlink()
    path.with_name("moved").rename(path)
    index_now(directory)
    await assert_complete(directory)
    source = LocalSource(directory, index_of(directory))
    page = await source.list(AuditFilter(), Scope(), limit=1, after=None)
    await source.close()
    assert page.coverage.complete


async def test_texts_from_callers_cannot_change_a_query(tmp_path: Path) -> None:
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
