"""The audit journal on full and read-only disks. Each test has its own small in-memory file system."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.journal import Journal
from tests.support.disks import fill, in_memory, remount
from tests.support.journals import bodies, events, intent, journal_in, outcome, record_call, until_available, verified

pytestmark = pytest.mark.xdist_group("container")

SIZE = 3 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path / "disk", SIZE) as place:
        yield place


def take_until_refused(journal: Journal, room: int) -> int:
    """Return the number of intents that the journal accepts."""
    taken = 0
    with contextlib.suppress(JournalUnavailable):
        for taken in range(10_000):
            journal.append(intent(f"r{taken}", room, pad="x" * 500))
    return taken


async def test_outcomes_of_all_calls_in_progress_are_written_on_a_full_disk(disk: Path) -> None:
    directory = disk / "audit"
    async with journal_in(directory) as journal:
        await record_call(journal, "before")
        for number in range(300):
            journal.append(intent(f"c{number}", 2048))
        ballast = fill(disk)
        changes: list[bool] = []
        journal.on_availability(changes.append)
        taken = take_until_refused(journal, 2048)
        await asyncio.sleep(0.05)
        assert (journal.available, changes) == (False, [False])

        for number in range(300):
            await journal.commit(journal.append(outcome(f"c{number}", pad="x" * 1500)))
        for number in range(taken):
            await journal.commit(journal.append(outcome(f"r{number}", pad="x" * 1500)))
        assert not journal.available
        assert verified(directory).open == ()

        ballast.unlink()
        await until_available(journal)
        await record_call(journal, "after")
        (gap,) = bodies(directory, "interruption")
        assert (gap["reason"], gap["refused"]) == ("ENOSPC", 1)
    assert events(directory)[-1] == ("after", "outcome")
    verified(directory)


async def test_journal_fills_the_disk_with_complete_records(disk: Path) -> None:
    directory = disk / "audit"
    async with journal_in(directory, checkpoint_records=50, segment_bytes=100_000) as journal:
        fill(disk).unlink()
        done = 0
        with contextlib.suppress(JournalUnavailable):
            for done in range(10_000):
                journal.append(intent(f"r{done}", pad="x" * 500))
                await journal.commit(journal.append(outcome(f"r{done}", pad="x" * 500)))
        assert not journal.available
        assert done > 100
    report = verified(directory)
    assert (report.intents, report.outcomes) == (done, done)


async def test_start_on_a_full_disk_waits_for_space(disk: Path) -> None:
    directory = disk / "audit"
    ballast = fill(disk)
    async with journal_in(directory) as journal:
        assert not journal.available
        with pytest.raises(JournalUnavailable, match="ENOSPC"):
            journal.append(intent("r1"))
        ballast.unlink()
        await until_available(journal)
        await record_call(journal, "r1")
    assert bodies(directory, "interruption")[0]["refused"] == 1
    verified(directory)


@pytest.mark.parametrize("existing", [False, True])
async def test_start_on_a_read_only_disk_waits(disk: Path, existing: bool) -> None:
    directory = disk / "audit"
    if existing:
        async with journal_in(directory) as journal:
            await record_call(journal, "r0")
    remount(disk, "ro")
    async with journal_in(directory) as journal:
        assert not journal.available
        with pytest.raises(JournalUnavailable, match="EROFS"):
            journal.append(intent("r1"))
        remount(disk, "rw")
        await until_available(journal)
        await record_call(journal, "r1")
    assert bodies(directory, "interruption")[0]["reason"] == "EROFS"
    verified(directory)
