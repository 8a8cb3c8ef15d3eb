"""Queries about a journal directory without a gateway."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit_query.index.offline import open_offline
from gateway.audit_query.source import AuditSource, Scope
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from tests.support.audit_history import BEGIN, history, write_history

EVERYTHING = Scope()
CALLS = 400


async def all_records(source: AuditSource) -> list[AuditRecord]:
    return list((await source.list(AuditFilter(), EVERYTHING, limit=10_000, after=None)).records)


def files(directory: Path) -> list[tuple[str, int]]:
    """Return the files of a directory with their times of change."""
    return sorted((str(path), path.stat().st_mtime_ns) for path in directory.rglob("*"))


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "audit"
    await write_history(directory, history(CALLS), segment_bytes=100_000)
    return directory


async def test_every_record_is_found_and_nothing_is_written_into_the_directory(directory: Path) -> None:
    before = files(directory)
    source = open_offline(directory)
    records = await all_records(source)
    await source.close()
    assert len(records) == CALLS
    assert [record.start_time.ToNanoseconds() for record in records] == sorted(
        (record.start_time.ToNanoseconds() for record in records), reverse=True
    )
    assert files(directory) == before


async def test_time_range_needs_only_some_segments(directory: Path) -> None:
    since = datetime.fromtimestamp(BEGIN + 25 * 86_400, UTC)
    sizes: list[int] = []
    source = open_offline(directory, since=since, progress=sizes.append)
    criteria = AuditFilter()
    criteria.start_time.FromDatetime(since)
    found = await source.list(criteria, EVERYTHING, limit=10_000, after=None)
    await source.close()
    whole = open_offline(directory)
    expected = [record for record in await all_records(whole) if record.start_time.ToDatetime(UTC) >= since]
    await whole.close()
    assert list(found.records) == expected
    assert 0 < len(expected) < CALLS / 4


async def test_temporary_index_is_removed(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    source = open_offline(directory)
    assert list(temporary.iterdir())
    await source.close()
    assert list(temporary.iterdir()) == []


async def test_directory_without_a_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="contains no journal"):
        open_offline(tmp_path)
