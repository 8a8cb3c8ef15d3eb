"""Outcomes that are made and written together, in the round that makes them durable."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.entries import OutcomeEntry
from tests.support.failing_calls import Failing
from tests.support.journals import events, intent, journal_in, outcome, records, verified


async def test_outcomes_share_a_round_and_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["r1", "r2", "r3"]
    async with journal_in(tmp_path) as journal:
        for name in names:
            journal.append(intent(name))
        writes = Failing(monkeypatch)
        writes.replace("pwrite")
        before = journal.stats.syncs
        receipts = await asyncio.gather(*(journal.commit(outcome(name)) for name in names))
        assert (writes.calls, journal.stats.syncs - before) == (1, 1)
    assert set(receipts) <= {record.receipt for record in records(tmp_path)}
    assert [name for name, code in events(tmp_path) if code == "outcome"] == names
    assert verified(tmp_path).open == ()


async def test_outcome_without_an_intent_is_rejected(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        with pytest.raises(KeyError):
            await journal.commit(outcome("r1"))
    assert events(tmp_path) == []


async def test_outcome_of_a_canceled_caller_is_written(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
        ending = asyncio.create_task(journal.commit(outcome("r1")))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert events(tmp_path) == [("r1", "intent"), ("r1", "outcome")]
    assert verified(tmp_path).open == ()


def _fail() -> bytes:
    raise ZeroDivisionError


@pytest.mark.parametrize(("make", "error"), [(_fail, ZeroDivisionError), (lambda: b'{"two":\n"lines"}', ValueError)])
async def test_invalid_outcome_fails_only_its_own_call(
    tmp_path: Path, make: Callable[[], bytes], error: type[Exception]
) -> None:
    async with journal_in(tmp_path) as journal:
        for name in ("r1", "r2"):
            journal.append(intent(name))
        bad, good = await asyncio.gather(
            journal.commit(OutcomeEntry("r1", make)), journal.commit(outcome("r2")), return_exceptions=True
        )
        assert isinstance(bad, error)
        assert not isinstance(good, BaseException)
        journal.append(outcome("r1"))
    assert verified(tmp_path).open == ()


async def test_outcomes_are_written_after_the_disk_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
        writes = Failing(monkeypatch)
        writes.replace("pwrite")
        writes.error = errno.EIO
        with pytest.raises(JournalUnavailable):
            await journal.commit(outcome("r1"))
        assert not journal.available
        writes.error = None
        available = asyncio.Event()
        journal.on_availability(lambda now: available.set() if now else None)
        await asyncio.wait_for(available.wait(), 20)
    assert [code for _, code in events(tmp_path)] == ["intent", "outcome"]
    assert verified(tmp_path).open == ()


async def test_outcome_is_written_during_a_sync_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with journal_in(tmp_path) as journal:
        for name in ("r1", "r2"):
            journal.append(intent(name))
        syncs = Failing(monkeypatch)
        syncs.replace_syncs()
        syncs.error = errno.EIO
        for name in ("r1", "r2"):
            with pytest.raises(JournalUnavailable):
                await journal.commit(outcome(name))
            assert events(tmp_path)[-1] == (name, "outcome")
        syncs.error = None
    assert verified(tmp_path).open == ()
