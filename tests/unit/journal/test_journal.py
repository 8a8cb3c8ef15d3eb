"""Normal operation of the journal: records, receipts, segments, checkpoints, a clean stop, the next start."""

import asyncio
import errno
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.journal.errors import JournalCorrupt, JournalUnavailable
from gateway.journal.format.checkpoints import read_copies
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write.entries import EventEntry
from gateway.journal.write.journal import Journal
from tests.support.journals import (
    audit_settings,
    bodies,
    crashed_copy,
    event,
    events,
    intent,
    journal_in,
    open_and_close,
    outcome,
    record_call,
    records,
    unknown_outcome,
    verified,
)
from tests.support.waiting import eventually


async def test_call_has_an_intent_and_an_outcome(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        first = journal.append(intent("r1"))
        second = journal.append(outcome("r1"))
        await journal.commit(second)
        journal.append(EventEntry(event("refusals", "-")))
    kept = {record.receipt for record in records(tmp_path)}
    assert {first, second} <= kept
    assert events(tmp_path) == [("r1", "intent"), ("r1", "outcome"), ("-", "refusals")]
    report = verified(tmp_path)
    assert (report.intents, report.outcomes, report.other_events, report.open) == (1, 1, 1, ())


async def test_record_contains_the_body_unchanged(tmp_path: Path) -> None:
    body = event("intent", "r1", text='é \\ " \u2028', number=1.5)
    async with journal_in(tmp_path) as journal:
        journal.append(EventEntry(body))
    assert records(tmp_path, "event")[0].body == body


async def test_next_run_continues_the_chain(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r2")
    assert len(segment_starts(tmp_path / "worker-0")) == 1
    assert [record.sequence for record in records(tmp_path)] == list(range(1, len(records(tmp_path)) + 1))
    verified(tmp_path)


async def test_new_chain_has_a_signed_head_from_the_beginning(tmp_path: Path) -> None:
    async with journal_in(tmp_path):
        assert [record.kind for record in records(tmp_path)] == ["segment", "checkpoint"]
        assert verified(tmp_path).copies == 1


async def test_clean_stop_signs_the_head_once(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    await open_and_close(tmp_path)
    assert [record.kind for record in records(tmp_path)][-3:] == ["event", "event", "checkpoint"]
    report = verified(tmp_path)
    assert (report.unsigned, report.copies, report.checkpoints) == (0, 2, 2)


async def test_checkpoint_follows_the_configured_number_of_records(tmp_path: Path) -> None:
    async with journal_in(tmp_path, checkpoint_records=10) as journal:
        for number in range(20):
            await record_call(journal, f"r{number}")
        assert len(records(tmp_path, "checkpoint")) == 5


async def test_checkpoint_follows_the_interval_only_after_new_records(tmp_path: Path) -> None:
    async with journal_in(tmp_path, checkpoint_interval=0.01) as journal:
        await record_call(journal, "r1")

        async def signed() -> bool:
            return len(records(tmp_path, "checkpoint")) == 2

        await eventually(signed)
        await asyncio.sleep(0.05)
        assert await signed()


async def test_segment_size_is_limited(tmp_path: Path) -> None:
    async with journal_in(tmp_path, segment_bytes=4096) as journal:
        for number in range(40):
            await record_call(journal, f"r{number}")
    folder = tmp_path / "worker-0"
    starts = segment_starts(folder)
    assert len(starts) > 3
    assert all(segment_path(folder, start).stat().st_size < 8192 for start in starts)
    assert verified(tmp_path).segments == len(starts)


async def test_segment_begins_only_if_its_head_can_be_shipped(tmp_path: Path) -> None:
    """A collector accepts records of at most 4 MiB, and the head repeats all open intents."""
    async with journal_in(tmp_path, segment_bytes=1 << 20) as journal:
        large = [f"large{number}" for number in range(5)]
        for request in large:
            journal.append(intent(request, filling="x" * (1 << 20)))
        for number in range(20):
            await record_call(journal, f"r{number}")
        assert len(records(tmp_path, "segment")) == 1
        for request in large:
            journal.append(outcome(request))
            await record_call(journal, f"after-{request}")

        async def begun() -> bool:
            return len(records(tmp_path, "segment")) > 1

        await eventually(begun)
    assert verified(tmp_path).open == ()
    assert max(len(record.line) for record in records(tmp_path, "segment")) < 3 << 20


async def test_open_intent_in_an_earlier_segment_gets_its_outcome_after_a_crash(tmp_path: Path) -> None:
    async with journal_in(tmp_path / "a", segment_bytes=4096) as journal:
        journal.append(intent("long", marker="of the intent"))
        for number in range(40):
            await record_call(journal, f"r{number}")
        journal.append(intent("late"))
        crashed = crashed_copy(tmp_path / "a")
    assert verified(crashed).open == ("long", "late")
    assert [entry["request"] for entry in bodies(crashed, "segment")[-1]["open"]] == ["long"]

    await open_and_close(crashed, segment_bytes=4096)
    assert events(crashed)[-2:] == [("long", "outcome"), ("late", "outcome")]
    assert bodies(crashed, "event")[-2]["marker"] == "of the intent"
    assert verified(crashed).open == ()


async def test_durability_os_does_not_wait_for_a_sync(tmp_path: Path) -> None:
    async with journal_in(tmp_path, durability="os") as journal:
        before = journal.stats.syncs
        await record_call(journal, "r1")
        assert journal.stats.syncs == before
        assert journal.stats.unsynced == 2
    verified(tmp_path)


async def test_concurrent_calls_share_syncs(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        before = journal.stats.syncs
        await asyncio.gather(*(record_call(journal, f"r{number}") for number in range(64)))
        assert journal.stats.syncs - before <= 3
        assert journal.stats.unsynced == 0


async def test_canceled_caller_does_not_affect_others(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        calls = [asyncio.create_task(record_call(journal, f"r{number}")) for number in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(value) for value in done] == [type(None), asyncio.CancelledError, type(None)]


async def test_closed_journal_rejects_entries(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
    content = segment_path(journal.folder, 1).read_bytes()
    others = tmp_path / "gets the numbers of the closed files"
    with others.open("wb"), others.open("wb"), others.open("wb"), others.open("wb"):
        with pytest.raises(JournalUnavailable, match="CLOSED"):
            journal.append(intent("r2"))
        with pytest.raises(JournalUnavailable, match="CLOSED"):
            journal.append(EventEntry(event("refusals", "-")))
        with pytest.raises(JournalUnavailable):
            journal.append(outcome("r1"))
        with pytest.raises(JournalUnavailable, match="CLOSED"):
            await journal.commit(records(tmp_path)[-1].receipt._replace(sequence=99))
    assert others.read_bytes() == b""
    assert segment_path(journal.folder, 1).read_bytes() == content


async def test_statistics_count_records_and_syncs(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
        stats = journal.stats
        assert (stats.sequence, stats.unsynced, stats.open, stats.refused) == (3, 1, 1, 0)
        assert stats.bytes_written > 0
        await journal.commit(journal.append(outcome("r1")))
        assert (journal.stats.open, journal.stats.unsynced, journal.stats.sequence) == (0, 0, 4)
        assert journal.stats.sync_seconds > 0


async def test_second_intent_of_a_request_is_rejected(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.append(intent("r1"))
        with pytest.raises(ValueError, match="already has an intent"):
            journal.append(intent("r1"))
        with pytest.raises(KeyError):
            journal.append(outcome("r2"))


async def test_files_are_accessible_to_their_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "audit"
    async with journal_in(directory) as journal:
        await record_call(journal, "r1")
    for path in directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_chain_is_locked_by_one_process(tmp_path: Path) -> None:
    async with journal_in(tmp_path):
        with pytest.raises(BlockingIOError, match="another process uses this journal; is another gateway running"):
            await Journal.open(audit_settings(tmp_path), 0, unknown_outcome=unknown_outcome)
        other = await Journal.open(audit_settings(tmp_path), 1, unknown_outcome=unknown_outcome)
        await other.close()
    assert len(verify(tmp_path).chains) == 2


async def test_file_in_place_of_the_directory_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as raised:
        await Journal.open(audit_settings(tmp_path / "file"), 0, unknown_outcome=unknown_outcome)
    assert raised.value.errno == errno.ENOTDIR
    assert raised.value.filename == str(tmp_path / "file")


def test_invalid_settings_are_rejected_without_secrets(tmp_path: Path) -> None:
    for values in ({"digest_key": "secret-marker"}, {"segment_bytes": 100}, {"retention": -1}, {"other": 1}):
        with pytest.raises(ValidationError) as raised:
            audit_settings(tmp_path, **values)
        assert "secret-marker" not in str(raised.value)


async def test_rolled_back_chain_stops_the_start(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    folder = tmp_path / "worker-0"
    path = segment_path(folder, 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(JournalCorrupt, match="ends before this checkpoint"):
        await Journal.open(audit_settings(tmp_path), 0, unknown_outcome=unknown_outcome)


async def test_missing_checkpoint_copies_are_restored(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    folder = tmp_path / "worker-0"
    copies = read_copies(folder)
    (folder / "checkpoints.jsonl").write_bytes(copies.splitlines(keepends=True)[0] + b'{"cha')
    await open_and_close(tmp_path)
    assert read_copies(folder) == copies
