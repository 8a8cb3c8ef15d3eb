"""Group commit while a sync is in progress, by the kernel and by a thread, and without a thread."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.segments import segment_path
from gateway.journal.write.aio_fdatasync import AioFdatasync, OnDone
from gateway.journal.write.commit_delay import LONGEST_SECONDS
from gateway.journal.write.journal import Journal
from gateway.journal.write.writer import Writer
from tests.support.failing_calls import Failing, HeldSyncs, without_aio_fdatasync
from tests.support.journals import (
    audit_settings,
    events,
    intent,
    journal_in,
    outcome,
    record_call,
    unknown_outcome,
    until_available,
    verified,
)
from tests.support.waiting import eventually


@pytest.fixture(params=["kernel", "thread"])
def syncs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HeldSyncs:
    held = HeldSyncs(monkeypatch)
    if request.param == "thread":
        without_aio_fdatasync(monkeypatch)
    return held


async def test_commit_returns_only_after_the_sync(tmp_path: Path, syncs: HeldSyncs) -> None:
    async with journal_in(tmp_path) as journal:
        syncs.hold()
        journal.append(intent("r1"))
        first = asyncio.create_task(journal.commit(journal.append(outcome("r1"))))
        await eventually(syncs.one_has_begun)
        journal.append(intent("r2"))
        second = asyncio.create_task(journal.commit(journal.append(outcome("r2"))))
        _, pending = await asyncio.wait({first, second}, timeout=0.05)
        assert pending == {first, second}
        assert journal.stats.unsynced == 4
        assert syncs.begun == 1
        syncs.release()
        await asyncio.gather(first, second)
        # Records that were appended during the first sync need another sync.
        assert syncs.begun == 2
        assert journal.stats.unsynced == 0
    verified(tmp_path)


async def test_closing_waits_for_the_sync_in_progress(tmp_path: Path, syncs: HeldSyncs) -> None:
    journal = await Journal.open(audit_settings(tmp_path), 0, unknown_outcome=unknown_outcome)
    syncs.hold()
    call = asyncio.create_task(record_call(journal, "r1"))
    await eventually(syncs.one_has_begun)
    closing = asyncio.create_task(journal.close())
    _, pending = await asyncio.wait({call, closing}, timeout=0.05)
    assert pending == {call, closing}
    syncs.release()
    await asyncio.gather(call, closing)
    assert events(tmp_path) == [("r1", "intent"), ("r1", "outcome")]
    verified(tmp_path)


async def test_commit_during_close_fails(tmp_path: Path, syncs: HeldSyncs) -> None:
    journal = await Journal.open(audit_settings(tmp_path), 0, unknown_outcome=unknown_outcome)
    journal.append(intent("r1"))
    syncs.hold()
    closing = asyncio.create_task(journal.close())
    await eventually(syncs.one_has_begun)
    late = asyncio.create_task(journal.commit(outcome("r1")))
    await asyncio.sleep(0)  # it waits for the next round, which there will not be
    syncs.release()
    await closing
    with pytest.raises(JournalUnavailable):
        await asyncio.wait_for(late, 30)
    assert verified(tmp_path).open == ("r1",)


async def test_canceled_caller_does_not_cancel_the_sync(tmp_path: Path, syncs: HeldSyncs) -> None:
    async with journal_in(tmp_path) as journal:
        syncs.hold()
        calls = [asyncio.create_task(record_call(journal, f"r{number}")) for number in range(3)]
        await eventually(syncs.one_has_begun)
        calls[0].cancel()
        syncs.release()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in done] == [asyncio.CancelledError, type(None), type(None)]
        await record_call(journal, "after")
    assert verified(tmp_path).open == ()


async def test_commit_delay_counts_from_the_first_request(
    tmp_path: Path, syncs: HeldSyncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    later = loop.call_later
    waits: list[float] = []

    def call_later(delay: float, callback: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
        if getattr(callback, "__func__", None) is Writer._begin_round:
            waits.append(delay)
        return later(delay, callback, *arguments)

    async with journal_in(tmp_path) as journal:
        syncs.hold()
        monkeypatch.setattr(loop, "call_later", call_later)
        calls = [asyncio.create_task(record_call(journal, "r1"))]
        await eventually(syncs.one_has_begun)
        requested_at = loop.time()
        calls += [asyncio.create_task(record_call(journal, name)) for name in ("r2", "r3")]

        async def waited() -> bool:
            return loop.time() > requested_at + LONGEST_SECONDS

        await eventually(waited)
        waits.clear()
        syncs.release()
        await asyncio.gather(*calls)
    assert waits[0] == 0.0


async def test_thread_syncs_after_the_kernel_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread syncs only after the kernel has rejected a sync."""
    real, threads = os.fdatasync, list[str]()

    def fdatasync(file: int) -> None:
        threads.append(threading.current_thread().name)
        real(file)

    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        await record_call(journal, "r2")
        assert threads == []
        refused = list[int]()

        def refuse(aio: AioFdatasync, file: int, on_done: OnDone) -> bool:
            refused.append(file)
            return False

        monkeypatch.setattr(AioFdatasync, "start", refuse)
        await record_call(journal, "r3")
        await record_call(journal, "r4")
        assert set(threads) == {"audit-journal"}
        assert len(refused) == 1
    assert verified(tmp_path).open == ()


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        pytest.param((threading.Thread, "start"), RuntimeError("can't start new thread"), "EAGAIN", id="no thread"),
        pytest.param((os, "fdatasync"), MemoryError(), "EIO", id="the unexpected"),
    ],
)
async def test_journal_is_unavailable_while_no_thread_can_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: tuple[object, str], error: Exception, code: str
) -> None:
    def fail(argument: object) -> None:
        raise error

    without_aio_fdatasync(monkeypatch)
    async with journal_in(tmp_path) as journal:
        with monkeypatch.context() as broken:
            broken.setattr(*call, fail)
            with pytest.raises(JournalUnavailable, match=code):
                await asyncio.wait_for(record_call(journal, "r1"), 30)
            assert not journal.available
        await until_available(journal)
        await record_call(journal, "r2")
    assert verified(tmp_path).open == ()


async def test_round_ends_after_outcomes_could_not_be_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with journal_in(tmp_path) as journal:
        writer = journal._writer
        assert writer is not None
        with monkeypatch.context() as broken:

            def collect() -> None:
                raise MemoryError

            broken.setattr(writer, "_append_outcomes", collect)
            await asyncio.wait_for(record_call(journal, "r1"), 30)
        await record_call(journal, "r2")
    assert verified(tmp_path).open == ()


async def test_rewrite_after_a_failed_sync_reads_lines_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `durability: os`, the lines are not kept in memory, but a copied checkpoint still covers them."""
    failing = Failing(monkeypatch)
    failing.replace_syncs()
    written: list[tuple[int, bytes]] = []
    write = os.pwrite

    def pwrite(file: int, content: bytes, offset: int) -> int:
        written.append((offset, bytes(content)))
        return write(file, content, offset)

    async with journal_in(tmp_path, durability="os", checkpoint_records=4) as journal:
        await record_call(journal, "r1")
        failing.error = errno.EIO
        await record_call(journal, "r2")

        async def failed() -> bool:
            return not journal.available

        await eventually(failed)
        left = segment_path(journal.folder, 1).read_bytes()
        monkeypatch.setattr(os, "pwrite", pwrite)
        failing.error = None
        await until_available(journal)
    assert any(left.endswith(content) and left[offset:] == content for offset, content in written)
    assert verified(tmp_path).open == ()
