"""Failures of the disk: no partial records, no false durability, rejections, and recovery.

The failures are injected into the functions of `os`. tests/container uses a disk that is really full.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.journal.errors import DISK_FULL, JournalCorrupt, JournalUnavailable
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.write import checkpoint_copies
from gateway.journal.write.entries import EventEntry
from gateway.journal.write.journal import Journal
from tests.support.failing_calls import Failing
from tests.support.journals import (
    audit_settings,
    bodies,
    event,
    events,
    intent,
    journal_in,
    open_and_close,
    outcome,
    record_call,
    records,
    unknown_outcome,
    until_available,
    verified,
)
from tests.support.waiting import eventually


def damage(directory: Path, offset: int) -> None:
    """Overwrite the end of the newest segment, as a failed writeback does: the disk has other content than written."""
    path = segment_path(directory / "worker-0", segment_starts(directory / "worker-0")[-1])
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\0" * (path.stat().st_size - offset))


async def test_failed_sync_fails_waiting_and_later_callers(tmp_path: Path, syncs: Failing) -> None:
    async with journal_in(tmp_path, retry_seconds=30) as journal:
        changes: list[bool] = []
        journal.on_availability(changes.append)
        syncs.error = errno.EIO
        done = await asyncio.gather(
            *(record_call(journal, f"r{number}") for number in range(8)), return_exceptions=True
        )
        assert [str(error) for error in done] == ["the audit journal is not available: EIO"] * 8
        assert (journal.available, changes) == (False, [False])
        calls = syncs.calls
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(intent("next"))
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(EventEntry(event("refusals", "-")))
        assert (syncs.calls, journal.stats.refused) == (calls, 2)
        syncs.error = None
    verified(tmp_path)


async def test_lines_of_a_failed_sync_are_rewritten(tmp_path: Path, syncs: Failing) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "before")
        size = segment_path(journal.folder, 1).stat().st_size
        syncs.error = errno.EIO
        journal.append(intent("open"))
        with pytest.raises(JournalUnavailable):
            await record_call(journal, "lost")
        # The outcome of a call in progress is still accepted, and is not durable either.
        late = journal.append(outcome("open"))
        with pytest.raises(JournalUnavailable):
            await journal.commit(late)
        damage(tmp_path, size)
        syncs.error = None
        await until_available(journal)
        await journal.commit(late)
        await record_call(journal, "after")
        (gap,) = bodies(tmp_path, "interruption")
        assert (gap["reason"], gap["refused"]) == ("EIO", 0)
        assert gap["since"] <= gap["time"]
    assert {request for request, _ in events(tmp_path)} == {"before", "open", "lost", "after"}
    assert verified(tmp_path).open == ()


async def test_repeated_sync_failures_are_one_outage(tmp_path: Path, syncs: Failing) -> None:
    async with journal_in(tmp_path) as journal:
        syncs.error = errno.EIO
        with pytest.raises(JournalUnavailable):
            await record_call(journal, "r1")
        before = syncs.calls

        async def tried() -> bool:
            return syncs.calls > before + 3

        await eventually(tried)
        assert not journal.available
        syncs.error = None
        await until_available(journal)
    assert len(bodies(tmp_path, "interruption")) == 1
    verified(tmp_path)


async def test_record_that_does_not_fit_leaves_no_bytes(tmp_path: Path, writes: Failing) -> None:
    async with journal_in(tmp_path) as journal:
        changes: list[bool] = []
        journal.on_availability(changes.append)
        await record_call(journal, "r1")
        content = segment_path(journal.folder, 1).read_bytes()
        writes.error = errno.ENOSPC
        with pytest.raises(JournalUnavailable, match="ENOSPC"):
            journal.append(intent("r2"))
        assert segment_path(journal.folder, 1).read_bytes() == content
        with pytest.raises(JournalUnavailable, match="ENOSPC"):
            journal.append(intent("r2"))
        writes.error = None
        await until_available(journal)
        await record_call(journal, "r2")
        (gap,) = bodies(tmp_path, "interruption")
        assert (gap["reason"], gap["refused"]) == ("ENOSPC", 2)
        assert changes == [False, True]
    verified(tmp_path)


async def test_partial_record_is_removed_when_the_disk_recovers(
    tmp_path: Path, writes: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    truncations = Failing(monkeypatch)
    truncations.replace("ftruncate")
    async with journal_in(tmp_path) as journal:
        journal.append(intent("open"))
        writes.error = truncations.error = errno.EIO
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(EventEntry(event("refusals", "-")))
        writes.error = None
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(outcome("open"))
        await asyncio.sleep(0.03)
        assert not journal.available
        truncations.error = None
        await until_available(journal)
    verified(tmp_path)


async def test_outcome_is_written_when_the_disk_recovers(tmp_path: Path, writes: Failing) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
        writes.error = errno.EIO
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(outcome("r1", marker="late"))
        assert journal.stats.open == 1
        writes.error = None
        await until_available(journal)
        assert journal.stats.open == 0
    assert bodies(tmp_path, "event")[-1]["marker"] == "late"
    assert verified(tmp_path).open == ()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize("existing", [False, True])
async def test_start_on_a_failing_disk_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, existing: bool
) -> None:
    directory = tmp_path / "audit"
    if existing:
        await open_and_close(directory)
    failing = Failing(monkeypatch)
    failing.replace("posix_fallocate")
    failing.error = code
    async with journal_in(directory) as journal:
        assert not journal.available
        # On a full disk, an existing chain is opened, so that retention can make room.
        assert (journal.stats.sequence > 0) == (existing and code in DISK_FULL)
        with pytest.raises(JournalUnavailable, match=errno.errorcode[code]):
            journal.append(intent("r1"))
        failing.error = None
        await until_available(journal)
        await record_call(journal, "r1")
        (gap,) = bodies(directory, "interruption")
        assert (gap["reason"], gap["refused"]) == (errno.errorcode[code], 1)
    verified(directory)


async def test_invalid_chain_found_by_a_retry_keeps_the_journal_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    path = segment_path(tmp_path / "worker-0", 1)
    path.write_bytes(path.read_bytes().replace(b"outcome", b"intent "))
    failing = Failing(monkeypatch)
    failing.replace("open")
    failing.error = errno.EROFS
    async with journal_in(tmp_path) as journal:
        failing.error = None

        async def gave_up() -> bool:
            return journal.failure is not None

        await eventually(gave_up)
        assert isinstance(journal.failure, JournalCorrupt)
        assert not journal.available


async def test_permanent_errors_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(monkeypatch)
    failing.replace("open")
    failing.error = errno.EACCES
    with pytest.raises(PermissionError):
        await Journal.open(audit_settings(tmp_path), 0, unknown_outcome=unknown_outcome)


async def test_intent_is_rejected_without_disk_space_for_its_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal_in(tmp_path) as journal:
        failing = Failing(monkeypatch)
        failing.replace("posix_fallocate")
        failing.error = errno.ENOSPC
        taken = 0
        with contextlib.suppress(JournalUnavailable):
            for taken in range(100):
                journal.append(intent(f"r{taken}", 100_000))
        assert (journal.available, 5 < taken < 11) == (False, True)
        for number in range(taken):
            journal.append(outcome(f"r{number}"))
        failing.error = None
        await until_available(journal)
    verified(tmp_path)


async def test_steady_state_allocates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with journal_in(tmp_path) as journal:
        counting = Failing(monkeypatch)
        counting.replace("posix_fallocate")
        counting.replace("ftruncate")
        for number in range(100):
            await record_call(journal, f"r{number}")
        assert counting.calls == 0


async def test_failed_checkpoint_copy_is_written_with_a_later_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal_in(tmp_path, checkpoint_records=2) as journal:
        failed: list[int] = []

        def fail(folder: Path, lines: Sequence[bytes]) -> int:
            failed.append(len(lines))
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder))

        async def tried() -> bool:
            return bool(failed)

        with monkeypatch.context() as failing:
            failing.setattr(checkpoint_copies, "append_copies", fail)
            await record_call(journal, "r1")
            await record_call(journal, "r2")
            await eventually(tried)
        assert journal.available
        await record_call(journal, "r3")
    report = verified(tmp_path)
    assert report.copies == report.checkpoints > 2
    assert len(records(tmp_path, "checkpoint")) == report.checkpoints
