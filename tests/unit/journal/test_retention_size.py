"""Retention by size: the oldest segments are removed early if the journal or its file system is too full."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from gateway.journal.format.cursor import store
from gateway.journal.format.keys import load_signing_key, signing_key_path
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write import disk_usage, maintenance
from gateway.journal.write.disk_usage import DiskUsage, measure
from gateway.journal.write.journal import Journal
from tests.support.chains import cursor_at_end
from tests.support.journals import audit_settings, journal_in, record_call, verified
from tests.support.waiting import eventually

SHIP: dict[str, Any] = {"ship": {"endpoint": "http://127.0.0.1:1"}, "minimum_free": 0}
SEGMENTS: dict[str, Any] = {"segment_bytes": 1 << 16, "compress": False}
HELD_UP = "audit_retention_held_up"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL_SECONDS", 0.02)


async def fill(journal: Journal, segments: int) -> None:
    number = 0
    while len(segment_starts(journal.folder)) < segments:
        number += 1
        await record_call(journal, f"r{number}")


def ship_everything(journal: Journal) -> None:
    directory = journal.folder.parent
    store(journal.folder, cursor_at_end(journal.folder), load_signing_key(signing_key_path(directory, None)))


async def until_measured_again(journal: Journal) -> None:
    """Wait until retention ran once more."""
    for _ in range(2):
        await eventually(partial(measured_after, journal, journal.disk.usage))


async def measured_after(journal: Journal, before: DiskUsage | None) -> bool:
    return journal.disk.usage is not before


async def test_shipped_segments_are_removed_until_the_journal_is_small_enough(tmp_path: Path) -> None:
    limit = 3 << 19
    async with journal_in(tmp_path, retention_bytes=limit, **SHIP, **SEGMENTS) as journal:
        await fill(journal, 12)
        starts = segment_starts(journal.folder)
        before = measure(journal.folder).journal
        assert before > limit
        await until_measured_again(journal)
        assert segment_starts(journal.folder) == starts
        ship_everything(journal)

        async def small() -> bool:
            return measure(journal.folder).journal <= limit

        await eventually(small)
        await until_measured_again(journal)
        kept = segment_starts(journal.folder)
        # Not more than necessary.
        assert kept == starts[-len(kept) :]
        assert measure(journal.folder).journal > limit - (1 << 17)
    assert verified(tmp_path).first == kept[0]


async def test_reserve_of_the_file_system_is_kept_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system of 4 MiB, which only the journal uses."""
    capacity = 4 << 20

    def small_disk(chain: Path) -> DiskUsage:
        used = measure(chain)
        return used._replace(free=capacity - used.journal, capacity=capacity)

    monkeypatch.setattr(disk_usage, "measure", small_disk)
    async with journal_in(tmp_path, **{**SHIP, "minimum_free": 0.6}, **SEGMENTS) as journal:
        await fill(journal, 14)
        ship_everything(journal)

        async def reserve_is_free() -> bool:
            return small_disk(journal.folder).free >= 0.6 * capacity

        await eventually(reserve_is_free)
        assert 4 < len(segment_starts(journal.folder)) < 14
    verified(tmp_path)


async def test_each_chain_gives_up_its_share(tmp_path: Path) -> None:
    async with journal_in(tmp_path, **SHIP, **SEGMENTS) as large, journal_in(tmp_path, worker=1, **SHIP) as small:
        await fill(large, 24)
        ship_everything(large)
        await record_call(small, "r1")
        total = measure(large.folder).journal
    limit = total - (1 << 20)
    async with (
        journal_in(tmp_path, retention_bytes=limit, **SHIP, **SEGMENTS) as large,
        journal_in(tmp_path, worker=1, retention_bytes=limit, **SHIP) as small,
    ):

        async def under_limit() -> bool:
            return measure(large.folder).journal <= limit

        await eventually(under_limit)
        assert len(segment_starts(small.folder)) == 1
    assert verify(tmp_path).good


async def test_segments_that_are_not_shipped_hold_retention_up(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with journal_in(tmp_path, retention_bytes=1 << 20, **SHIP, **SEGMENTS) as journal:
            await fill(journal, 4)
            store(
                journal.folder,
                cursor_at_end(journal.folder)._replace(sequence=5),
                load_signing_key(signing_key_path(tmp_path, None)),
            )

            async def reported() -> bool:
                return any(entry["event"] == HELD_UP for entry in logs)

            await eventually(reported)
            await until_measured_again(journal)
            assert len(segment_starts(journal.folder)) == 4
    # Not repeated all the time.
    assert [entry["event"] for entry in logs].count(HELD_UP) == 1


async def test_nothing_is_removed_without_ship(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, retention_bytes=1 << 20, **SEGMENTS) as journal:
        await fill(journal, 4)
        ship_everything(journal)
        await until_measured_again(journal)
        assert len(segment_starts(journal.folder)) == 4


@pytest.mark.parametrize("limit", [{"retention": 0}, {"retention_bytes": 1 << 20}], ids=["age", "size"])
async def test_journal_without_ship_removes_what_the_operator_permits(tmp_path: Path, limit: dict[str, Any]) -> None:
    async with journal_in(tmp_path, **SEGMENTS) as journal:
        await fill(journal, 4)
    async with journal_in(tmp_path, remove_unshipped=True, minimum_free=0, **limit, **SEGMENTS) as journal:

        async def removed() -> bool:
            return len(segment_starts(journal.folder)) == 1

        await eventually(removed)
        await record_call(journal, "last")
    first = verified(tmp_path).first
    assert first > 1
    assert not segment_path(tmp_path / "worker-0", 1).exists()


async def test_recent_segments_within_the_limits_are_kept_without_ship(tmp_path: Path) -> None:
    async with journal_in(tmp_path, remove_unshipped=True, minimum_free=0, **SEGMENTS) as journal:
        await fill(journal, 4)
        await until_measured_again(journal)
        assert len(segment_starts(journal.folder)) == 4


def test_remove_unshipped_contradicts_ship(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="remove_unshipped is for a journal without ship"):
        audit_settings(tmp_path, remove_unshipped=True, **SHIP)
