"""Retention on a small disk: shipped records make room for new ones, also after the disk was full."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.write import maintenance
from gateway.journal.write.disk_usage import measure
from gateway.journal.write.journal import Journal
from tests.support.disks import fill, in_memory
from tests.support.journals import intent, journal_in, outcome, record_call, stored_cursor, until_available, verified
from tests.support.scripted_collector import ScriptedCollector
from tests.support.shipping import shipping
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("container")

SIZE = 8 * 1024 * 1024
SMALL: dict[str, Any] = {"segment_bytes": 1 << 17, "compress": False, "ship": {"endpoint": "http://127.0.0.1:1"}}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(maintenance, "INTERVAL_SECONDS", 0.02)
    with in_memory(tmp_path / "disk", SIZE) as place:
        yield place


async def write(journal: Journal, calls: int, prefix: str = "r") -> None:
    for number in range(calls):
        journal.append(intent(f"{prefix}{number}", pad="x" * 4000))
        await journal.commit(journal.append(outcome(f"{prefix}{number}", pad="x" * 4000)))


async def until_shipped(journal: Journal) -> None:
    async def shipped() -> bool:
        cursor = stored_cursor(journal.folder)
        return cursor is not None and cursor.sequence >= journal.stats.sequence - 1

    await eventually(shipped)


async def test_journal_writes_more_than_the_disk_can_hold(disk: Path) -> None:
    directory = disk / "audit"
    changes: list[bool] = []
    async with (
        journal_in(directory, **SMALL) as journal,
        ScriptedCollector() as collector,
        shipping(directory, collector.endpoint, rewind=0.05),
    ):
        journal.on_availability(changes.append)
        for batch in range(20):
            await write(journal, 100, f"b{batch}-")
            await until_shipped(journal)
        assert journal.stats.bytes_written > 2 * SIZE
        assert changes == []

        async def reserve_is_free() -> bool:
            return measure(journal.folder).free >= 0.25 * SIZE

        await eventually(reserve_is_free)
    assert verified(directory).first > 1


async def test_journal_recovers_from_a_full_disk_when_the_collector_returns(disk: Path) -> None:
    directory = disk / "audit"
    async with journal_in(directory, **SMALL) as journal, ScriptedCollector() as collector:
        await collector.stop()
        async with shipping(directory, collector.endpoint, rewind=0.05):
            with pytest.raises(JournalUnavailable, match="ENOSPC"):
                await write(journal, 10_000)
            fill(disk)
            assert not journal.available
            starts = segment_starts(journal.folder)
            await collector.start()
            await until_available(journal)
            assert segment_starts(journal.folder)[0] > starts[0]
            await record_call(journal, "after")
    assert verified(directory).first > 1


async def test_disk_that_others_fill_is_used_after_retention_makes_room(disk: Path) -> None:
    directory = disk / "audit"
    async with (
        journal_in(directory, **{**SMALL, "minimum_free": 0}) as journal,
        ScriptedCollector() as collector,
        shipping(directory, collector.endpoint, rewind=0.05),
    ):
        await write(journal, 100)
        await until_shipped(journal)
        fill(disk)
        with pytest.raises(JournalUnavailable, match="ENOSPC"):
            await write(journal, 100, "s")
    async with journal_in(directory, **SMALL) as journal:
        await until_available(journal)
        await record_call(journal, "after")
    assert verified(directory).first > 1


async def test_compression_fits_many_times_the_disk(disk: Path) -> None:
    """Nothing is removed: no collector takes the records."""
    directory = disk / "audit"
    async with journal_in(directory, **{**SMALL, "compress": True}) as journal:
        for batch in range(15):
            await write(journal, 100, f"b{batch}-")
            starts = segment_starts(journal.folder)

            async def compressed(starts: list[int] = starts) -> bool:
                return sum(segment_path(journal.folder, start).exists() for start in starts) <= 1

            await eventually(compressed)
        assert journal.stats.bytes_written > 1.4 * SIZE
        assert measure(journal.folder).journal < 0.5 * SIZE
    report = verified(directory)
    assert (report.first, report.outcomes) == (1, 1500)
