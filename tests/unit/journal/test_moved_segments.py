"""Segments that were deleted, moved away, or replaced while the journal writes to them."""

import os
from pathlib import Path

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.segments import segment_path
from gateway.journal.write.entries import EventEntry
from tests.support.journals import event, journal_in, record_call, until_available, verified


async def test_deleted_segment_makes_the_journal_unavailable(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        receipt = journal.append(EventEntry(event("refusals", "-")))
        os.unlink(segment_path(tmp_path / "worker-0", 1))
        with pytest.raises(Exception, match="ENOENT"):
            await journal.commit(receipt)
        assert not journal.available


@pytest.mark.parametrize("moved", ["worker-0/00000000000000000001.jsonl", "worker-0"])
async def test_moved_segment_makes_the_journal_unavailable_until_it_is_back(moved: str, tmp_path: Path) -> None:
    """Nobody finds the records that are written to a file that was moved away."""
    here, elsewhere = tmp_path / "audit" / moved, tmp_path / "elsewhere"
    async with journal_in(tmp_path / "audit") as journal:
        await record_call(journal, "r1")
        here.rename(elsewhere)
        receipt = journal.append(EventEntry(event("refusals", "-")))
        with pytest.raises(JournalUnavailable, match="ENOENT"):
            await journal.commit(receipt)
        assert not journal.available
        elsewhere.rename(here)
        await until_available(journal)
        await record_call(journal, "r2")
    assert verified(tmp_path / "audit").intents == 2


async def test_segment_that_was_replaced_by_a_copy_makes_the_journal_unavailable(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
        path = segment_path(tmp_path / "worker-0", 1)
        copy = path.with_suffix(".copy")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
        with pytest.raises(JournalUnavailable, match="ENOENT"):
            await record_call(journal, "r2")
