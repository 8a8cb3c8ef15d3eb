"""The change to a new segment on a failing disk."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.write.entries import EventEntry
from tests.support.failing_calls import Failing, HeldSyncs, without_aio_fdatasync
from tests.support.journals import event, journal_in, record_call, until_available, verified
from tests.support.waiting import eventually


async def first_refusal(calls: Iterable[Awaitable[None]]) -> JournalUnavailable | None:
    try:
        for call in calls:
            await call
    except JournalUnavailable as refusal:
        return refusal
    return None


async def test_segment_is_durable_before_the_next_one_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure, only the newest segment can therefore have a torn line."""
    real = os.open
    unsynced: list[int] = []

    async with journal_in(tmp_path, segment_bytes=4096) as journal:

        def watching_open(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            if flags & os.O_EXCL and str(path).endswith(".jsonl"):
                unsynced.append(journal.stats.unsynced)
            return real(path, flags, *arguments, **named)

        monkeypatch.setattr(os, "open", watching_open)

        async def calls(name: int) -> None:
            for number in range(20):
                await record_call(journal, f"r{name}-{number}")
                await asyncio.sleep(0)

        await asyncio.gather(*(calls(name) for name in range(8)))
    assert set(unsynced) == {0}
    verified(tmp_path)


@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "thread"])
async def test_torn_line_is_removed_before_the_next_segment_begins(
    tmp_path: Path, writes: Failing, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    """A write fails and can't be undone during the sync after which the segment is full."""
    truncations = Failing(monkeypatch)
    truncations.replace("ftruncate")
    syncs = HeldSyncs(monkeypatch)
    if not kernel:
        without_aio_fdatasync(monkeypatch)
    async with journal_in(tmp_path, segment_bytes=4096, retry_seconds=30) as journal:
        syncs.hold()
        full = asyncio.create_task(journal.commit(journal.append(EventEntry(event("refusals", "-", pad="x" * 4096)))))
        await eventually(syncs.one_has_begun)
        writes.error = truncations.error = errno.EIO
        with pytest.raises(JournalUnavailable, match="EIO"):
            journal.append(EventEntry(event("refusals", "-")))
        torn = not segment_path(journal.folder, 1).read_bytes().endswith(b"\n")
        writes.error = truncations.error = None
        syncs.release()
        await full

        async def left() -> bool:
            return len(segment_starts(journal.folder)) == 2

        await eventually(left)
    assert torn
    assert segment_path(tmp_path / "worker-0", 1).read_bytes().endswith(b"\n")
    verified(tmp_path)


async def test_failed_new_segment_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    error: int | None = errno.ENOSPC

    def failing_open(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if error is not None and flags & os.O_EXCL and str(path).endswith(".jsonl"):
            raise OSError(error, os.strerror(error), str(path))
        return real(path, flags, *arguments, **named)

    async with journal_in(tmp_path, segment_bytes=4096) as journal:
        monkeypatch.setattr(os, "open", failing_open)
        calls = (record_call(journal, f"r{number}") for number in range(40))
        assert "ENOSPC" in str(await first_refusal(calls))
        assert len(segment_starts(journal.folder)) == 1
        error = None
        await until_available(journal)
        await record_call(journal, "after")
    assert len(segment_starts(tmp_path / "worker-0")) == 2
    verified(tmp_path)
