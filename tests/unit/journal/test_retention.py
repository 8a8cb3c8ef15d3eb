"""Retention: old segments are removed only after they were shipped, and the chain names them."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.records import NO_HASH
from gateway.journal.format.segments import ChainPosition, segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write.clock import now_ms
from gateway.journal.write.journal import Journal
from tests.support.journals import bodies, journal_in, open_and_close, record_call, records, verified
from tests.support.waiting import eventually

FEW: dict[str, Any] = {"segment_bytes": 4096, "checkpoint_records": 8}


async def fill(journal: Journal, prefix: str = "r") -> None:
    for number in range(20):
        await record_call(journal, f"{prefix}{number}")
    filled = now_ms()

    async def older() -> bool:
        return now_ms() > filled

    await eventually(older)


def cursor(journal: Journal, sequence: int, segment: int) -> Cursor:
    return Cursor(records(journal.folder.parent)[0].chain, sequence, NO_HASH, ChainPosition(segment, 0))


async def test_old_shipped_segments_are_removed_and_reported(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        receipts = [record.receipt for record in records(tmp_path)]
        # All records of the third segment except the last one are shipped.
        assert await journal.remove_shipped(cursor(journal, starts[3] - 2, starts[2])) == 2
        assert segment_starts(journal.folder) == starts[2:]
        (record,) = bodies(tmp_path, "retention")
        last = receipts[starts[2] - 2]
        assert record["removed"] == {"sequence": last.sequence, "hash": last.hash}
        await fill(journal, "s")
    report = verified(tmp_path)
    assert report.first == starts[2]
    assert report.copies < report.checkpoints + 3
    await open_and_close(tmp_path, retention=0, **FEW)
    old, kept = receipts[3], receipts[starts[2]]
    checked = verify(tmp_path, expected=[old, kept])
    assert checked.good
    assert f"retention removed record {old.sequence}, for which a receipt was given" in checked.chains[0].notes


async def test_newest_segment_is_never_removed(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) == len(starts) - 1
        assert segment_starts(journal.folder) == starts[-1:]
        # When the retention record is removed too, only the head of a segment names the last removed record.
        await fill(journal, "s")
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) > 0
    verified(tmp_path)
    await open_and_close(tmp_path, **FEW)


async def test_segment_with_unshipped_records_is_kept(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, starts[1] - 1, starts[0])) == 0
        assert await journal.remove_shipped(cursor(journal, starts[1] - 2, 10**9)) == 0


async def test_recent_segments_are_kept(tmp_path: Path) -> None:
    async with journal_in(tmp_path, **FEW) as journal:
        await fill(journal)
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) == 0


async def test_cursor_of_another_chain_removes_nothing(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        other = cursor(journal, 10**9, 10**9)._replace(chain="gw-other")
        assert await journal.remove_shipped(other) == 0


async def test_removal_is_durable_in_the_chain_before_a_file_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash during the removal leaves a chain that verifies, and that the next start continues."""
    audit, left = tmp_path / "audit", [tmp_path / "before", tmp_path / "midst"]
    real = os.unlink
    missing = list(left)
    async with journal_in(audit, retention=0, **FEW) as journal:
        await fill(journal)

        def unlink(path: Path) -> None:
            assert journal.stats.unsynced == 0
            if missing:
                shutil.copytree(audit, missing.pop(0))
            real(path)

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", unlink)
            assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) > 2
    assert not missing
    for directory in (audit, *left):
        verified(directory)
        await open_and_close(directory, **FEW)


async def test_segment_deleted_beyond_the_retention_record_is_found(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, starts[1] - 1, starts[1])) == 1
    segment_path(tmp_path / "worker-0", starts[1]).unlink()
    problem = verify(tmp_path).chains[0].problem
    assert problem is not None
    assert f"records 1 to {starts[2] - 1} are missing" in problem.what
