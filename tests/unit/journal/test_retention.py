"""Old segments go only when they are shipped, and the chain tells that they went."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.records import NO_HASH
from gateway.journal.format.segments import ChainPosition, segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write.journal import Journal
from gateway.journal.write.starting import now_ms
from tests.support.journals import bodies, journal_in, record_call, records, verified
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


async def test_shipped_and_old_segments_are_removed_and_named(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        receipts = [record.receipt for record in records(tmp_path)]
        # The third is shipped but for its last record.
        assert await journal.remove_shipped(cursor(journal, starts[3] - 2, starts[2])) == 2
        assert segment_starts(journal.folder) == starts[2:]
        (told,) = bodies(tmp_path, "retention")
        last = receipts[starts[2] - 2]
        assert told["removed"] == {"sequence": last.sequence, "hash": last.hash}
        await fill(journal, "s")
    report = verified(tmp_path)
    assert report.first == starts[2]
    assert report.copies < report.checkpoints + 3
    async with journal_in(tmp_path, retention=0, **FEW):
        pass
    old, kept = receipts[3], receipts[starts[2]]
    checked = verify(tmp_path, expected=[old, kept])
    assert checked.good
    assert f"retention removed record {old.sequence}, for which a receipt was given" in checked.chains[0].notes


async def test_the_newest_segment_is_never_removed(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) == len(starts) - 1
        assert segment_starts(journal.folder) == starts[-1:]
        # What follows is told from the head of a segment alone, once the record of the removal is gone too.
        await fill(journal, "s")
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) > 0
    verified(tmp_path)
    async with journal_in(tmp_path, **FEW):
        pass


async def test_segment_that_the_cursor_still_points_into_stays(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, starts[1] - 1, starts[0])) == 0
        assert await journal.remove_shipped(cursor(journal, starts[1] - 2, 10**9)) == 0


async def test_young_segments_stay(tmp_path: Path) -> None:
    async with journal_in(tmp_path, **FEW) as journal:
        await fill(journal)
        assert await journal.remove_shipped(cursor(journal, 10**9, 10**9)) == 0


async def test_cursor_of_another_chain_removes_nothing(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        other = cursor(journal, 10**9, 10**9)._replace(chain="gw-other")
        assert await journal.remove_shipped(other) == 0


async def test_removal_is_durable_in_the_chain_before_the_first_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in the midst of the removal leaves a chain that verifies, and that the next start takes."""
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
        async with journal_in(directory, **FEW):
            pass


async def test_more_removed_than_retention_names_is_found(tmp_path: Path) -> None:
    async with journal_in(tmp_path, retention=0, **FEW) as journal:
        await fill(journal)
        starts = segment_starts(journal.folder)
        assert await journal.remove_shipped(cursor(journal, starts[1] - 1, starts[1])) == 1
    segment_path(tmp_path / "worker-0", starts[1]).unlink()
    problem = verify(tmp_path).chains[0].problem
    assert problem is not None
    assert f"records 1 to {starts[2] - 1} are missing" in problem.what
