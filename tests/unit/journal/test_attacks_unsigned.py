"""Attacks on the unsigned end of a chain: what a killed run did not sign can change, and never without a trace."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import Checkpoint, read_copies
from gateway.journal.format.keys import load_signing_key
from gateway.journal.format.manifest import load as load_manifest
from gateway.journal.format.records import Kind, Record
from gateway.journal.format.segments import CHECKPOINTS, segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write import confirmation
from gateway.journal.write.starting import segment_head_body
from tests.support import attacks
from tests.support.journals import (
    bodies,
    crashed_copy,
    journal_in,
    new_signing_key,
    open_and_close,
    record_call,
    records,
    roll_back,
    verified,
)
from tests.support.waiting import eventually

MANY_SEGMENTS: dict[str, Any] = {"segment_bytes": 4096, "checkpoint_records": 8, "checkpoint_interval": 3600}


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """A chain with signed calls, and then three unsigned ones, of a run that was killed."""
    async with journal_in(tmp_path / "audit", checkpoint_interval=3600) as journal:
        for number in range(3):
            await record_call(journal, f"signed{number}")
    async with journal_in(tmp_path / "audit", checkpoint_interval=3600) as journal:
        for number in range(3):
            await record_call(journal, f"unsigned{number}")
        return crashed_copy(tmp_path / "audit")


@pytest.fixture
async def segmented(tmp_path: Path) -> Path:
    """A chain of several segments, with checkpoints, of a run that was killed."""
    async with journal_in(tmp_path / "audit", **MANY_SEGMENTS) as journal:
        for number in range(20):
            await record_call(journal, f"r{number}")
        return crashed_copy(tmp_path / "audit")


def removal_before(directory: Path, start: int) -> dict[str, Any]:
    """The members of a record that says that retention removed the segments before this one."""
    last = records(directory)[start - 2]
    return {"time": 1, "removed": {"sequence": last.sequence, "hash": last.hash}}


def last_checkpoint(directory: Path) -> Record:
    return records(directory, "checkpoint")[-1]


async def test_checkpoints_are_at_most_one_second_apart_under_load(tmp_path: Path) -> None:
    """With the default settings. A checkpoint shares its sync with the calls of its round."""
    async with journal_in(tmp_path) as journal:
        now = began = time.monotonic()
        number, longest = 0, 0.0
        while now < began + 3.2:
            await record_call(journal, f"r{number}")
            number += 1
            before, now = now, time.monotonic()
            longest = max(longest, now - before)
        syncs = journal.stats.syncs
        found = records(tmp_path, "checkpoint")[1:]
    times = [Checkpoint.from_body(each.chain, each.value()).time for each in found]
    assert len(times) >= 3
    # How long the machine kept a call waiting can also delay a checkpoint.
    assert max(later - earlier for earlier, later in pairwise(times)) / 1000 <= 1.0 + longest
    assert syncs <= number + len(times)


async def test_rewritten_unsigned_record_is_in_a_range_that_the_next_start_marks(crashed: Path) -> None:
    signed = last_checkpoint(crashed).sequence
    attacks.rewrite(crashed / "worker-0", signed + 1, b"KeyService/Encrypt", b"KeyService/Decrypt")
    last = records(crashed)[-1].sequence
    await open_and_close(crashed)
    report = verified(crashed)
    assert b"Decrypt" in records(crashed)[signed].body
    assert report.recovered == [{"sequence": last + 1, "after": signed, "last": last}]
    assert report.unsigned == 0


async def test_range_stays_marked_after_more_runs(crashed: Path) -> None:
    await open_and_close(crashed)
    before = verified(crashed).recovered
    for _ in range(2):
        async with journal_in(crashed) as journal:
            await record_call(journal, "later")
    assert verified(crashed).recovered == before
    assert len(before) == 1


async def test_cut_off_unsigned_end_is_a_stop_without_a_signature(crashed: Path) -> None:
    """A run that was killed looks different from one that was stopped, even if all records that are left are signed."""
    async with journal_in(crashed) as journal:
        await record_call(journal, "r1")

        async def signed() -> bool:
            return records(crashed)[-1].kind == "checkpoint"

        await eventually(signed)
        left = crashed_copy(crashed)
        await record_call(journal, "not-signed")
    signed_at = last_checkpoint(left).sequence
    attacks.cut_off(left / "worker-0", after=signed_at)
    await open_and_close(left)
    assert verified(left).recovered[-1] == {"sequence": signed_at + 1, "after": signed_at, "last": signed_at}


async def test_clean_stop_leaves_no_mark(tmp_path: Path) -> None:
    """Also if the segment is full at the stop: the next one begins at the next start."""
    for run in range(12):
        async with journal_in(tmp_path, segment_bytes=4096) as journal:
            for number in range(run):
                await record_call(journal, f"r{run}-{number}")
        assert verified(tmp_path).unsigned == 0
    assert bodies(tmp_path, "recovery") == []
    assert verified(tmp_path).recovered == []


async def test_stop_mark_can_not_be_forged(crashed: Path) -> None:
    """The last checkpoint record is not signed itself, so its mark must be in the signed note."""
    roll_back(crashed / "worker-0", keep=2)
    (crashed / "worker-0" / CHECKPOINTS).unlink()
    (crashed / "manifest").unlink()
    attacks.rewrite(crashed / "worker-0", 2, rb"manifest 0\n\n", rb"manifest 0\nstop\n\n")
    assert b"stop" in last_checkpoint(crashed).body
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)
    assert "signature does not verify" in str(verify(crashed).chains[0].problem)


async def test_removed_mark_is_found(crashed: Path) -> None:
    await open_and_close(crashed)
    mark = records(crashed, "recovery")[-1].sequence
    attacks.cut_off(crashed / "worker-0", after=mark - 1)
    assert not verify(crashed).good
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)


async def test_mark_of_another_range_is_found(crashed: Path) -> None:
    last = records(crashed)[-1].sequence
    attacks.append(crashed / "worker-0", "recovery", b'{"unsigned":{"after":%d,"last":%d}}' % (last, last))
    assert "does not name the records that were unsigned" in str(verify(crashed).chains[0].problem)


async def test_start_rejects_a_chain_that_was_rewritten_below_its_last_checkpoint(crashed: Path) -> None:
    """The forged records are as many as there were, so that only their hashes tell."""
    signed = last_checkpoint(crashed).sequence
    attacks.rewrite(crashed / "worker-0", signed - 2, b"signed2", b"forged2")
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)
    (crashed / "worker-0" / CHECKPOINTS).unlink()
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)


async def test_start_rejects_forged_records_instead_of_a_copied_checkpoint(tmp_path: Path) -> None:
    """An end that was cut off below a checkpoint, and filled up with forged records, is found by the copy."""
    async with journal_in(tmp_path / "audit", checkpoint_records=4, checkpoint_interval=3600) as journal:
        for number in range(6):
            await record_call(journal, f"r{number}")

        async def copied() -> bool:
            return len(read_copies(journal.folder).splitlines()) == len(records(tmp_path / "audit", "checkpoint"))

        await eventually(copied)
        crashed = crashed_copy(tmp_path / "audit")
    checkpoints = records(crashed, "checkpoint")
    last = records(crashed)[-1].sequence
    attacks.cut_off(crashed / "worker-0", after=checkpoints[-2].sequence)
    while records(crashed)[-1].sequence < last:
        attacks.append(crashed / "worker-0", "event", b'{"time":1}')
    with pytest.raises(JournalCorrupt, match="the record of the chain differs from this copied checkpoint"):
        await open_and_close(crashed)


async def test_key_in_an_unsigned_record_is_not_signed(crashed: Path, tmp_path: Path) -> None:
    """Otherwise, the next checkpoint would make verification trust the attacker's key."""
    key = load_signing_key(new_signing_key(tmp_path / "evil.pem"))
    head = segment_head_body({}, key, None, journal=bodies(crashed, "segment")[0]["manifest"])
    attacks.append(crashed / "worker-0", "segment", head, segment=True)
    with pytest.raises(JournalCorrupt, match=f"names key {key.public.id}, which was not adopted"):
        await open_and_close(crashed)


async def test_forged_removal_does_not_hide_removed_segments(segmented: Path) -> None:
    """An unsigned retention record, or segment head, must not explain why signed records are missing."""
    starts = segment_starts(segmented / "worker-0")
    assert len(starts) > 3
    removed = removal_before(segmented, starts[2])
    head = {**bodies(segmented, "segment")[-1], **removed, "open": []}
    for kind, body in (("retention", removed), ("segment", head)):
        left = attacks.copied(segmented, f"crashed-{kind}")
        attacks.append(left / "worker-0", cast("Kind", kind), orjson.dumps(body), segment=kind == "segment")
        for start_of in starts[:2]:
            segment_path(left / "worker-0", start_of).unlink()
        assert "no record says that retention removed them" in str(verify(left).chains[0].problem)
        with pytest.raises(JournalCorrupt, match="no signed record names them as removed"):
            await open_and_close(left)


async def test_forged_removal_is_not_used_after_the_next_start(segmented: Path) -> None:
    """The start marks the forged record, and signs it. The segments are removed only after that."""
    folder = segmented / "worker-0"
    starts = segment_starts(folder)
    attacks.append(folder, "retention", orjson.dumps(removal_before(segmented, starts[2])))
    async with journal_in(segmented, segment_bytes=4096, compress=False) as journal:
        for number in range(20):
            await record_call(journal, f"s{number}")
    for start_of in starts[:2]:
        segment_path(folder, start_of).unlink()
    assert "no record says that retention removed them" in str(verify(segmented).chains[0].problem)
    with pytest.raises(JournalCorrupt):
        await open_and_close(segmented)


async def test_chain_without_checkpoints_is_not_signed(crashed: Path) -> None:
    roll_back(crashed / "worker-0", keep=1)
    attacks.append(crashed / "worker-0", "event", b'{"time":1}')
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)
    (crashed / "manifest").unlink()
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)


async def test_killed_run_cannot_be_cut_off_below_the_confirmed_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest ends with a checkpoint, and has the copies up to it, so that it would verify by itself."""
    monkeypatch.setattr(confirmation, "INTERVAL_SECONDS", 0.01)
    directory = tmp_path / "audit"
    async with journal_in(directory, **MANY_SEGMENTS) as journal:
        for number in range(30):
            await record_call(journal, f"r{number}")
        checkpoint = records(directory, "checkpoint")[2].sequence

        async def confirmed() -> bool:
            manifest = load_manifest(directory)
            return manifest is not None and manifest.heads["worker-0"].sequence > checkpoint

        await eventually(confirmed)
        crashed = crashed_copy(directory)
    assert verify(crashed).good
    roll_back(crashed / "worker-0", checkpoint)
    assert "it was rolled back" in str(verify(crashed).chains[0].problem)
    with pytest.raises(JournalCorrupt):
        await open_and_close(crashed)


async def test_verification_beside_a_gateway_that_confirms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "INTERVAL_SECONDS", 0.001)
    async with journal_in(tmp_path, checkpoint_records=2) as journal:
        for number in range(100):
            await record_call(journal, f"r{number}")
            if number % 10 == 0:
                assert (await asyncio.to_thread(verify, tmp_path)).good
