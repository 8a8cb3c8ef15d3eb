"""Recovery at the next start: crashes at any moment are repaired and recorded, other changes stop the start."""

import asyncio
import errno
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import read_copies
from gateway.journal.format.records import Receipt, parse
from gateway.journal.format.segments import CHECKPOINTS, segment_path, segment_starts
from gateway.journal.verify.verification import verify
from gateway.journal.write import chain as chains
from gateway.journal.write.journal import Journal
from gateway.journal.write.recovery import FoundChain, examine
from tests.support.failing_calls import Failing
from tests.support.journals import (
    audit_settings,
    bodies,
    crashed_copy,
    events,
    intent,
    journal_in,
    open_and_close,
    record_call,
    records,
    unknown_outcome,
    until_available,
    verified,
)
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """Return a chain of some segments, with one intent that has no outcome."""
    async with journal_in(tmp_path / "audit", segment_bytes=4096) as journal:
        for number in range(15):
            await record_call(journal, f"r{number}")
        journal.append(intent("open"))
        return crashed_copy(tmp_path / "audit")


def torn_lines(directory: Path) -> list[dict[str, Any]]:
    """The bodies of the records that report a torn line."""
    return [body for body in bodies(directory, "recovery") if "offset" in body]


async def refused(directory: Path) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as raised:
        await Journal.open(audit_settings(directory), 0, unknown_outcome=unknown_outcome)
    return raised.value


async def test_intent_without_outcome_gets_an_unknown_one(crashed: Path) -> None:
    await open_and_close(crashed)
    assert events(crashed)[-2:] == [("open", "intent"), ("open", "outcome")]
    assert bodies(crashed, "event")[-1]["status"] == "Unknown"
    last = records(crashed, "event")[-2].sequence
    assert [body["unsigned"] for body in bodies(crashed, "recovery")] == [{"after": 2, "last": last}]
    assert verified(crashed).open == ()


async def test_records_added_by_the_start_are_signed(crashed: Path) -> None:
    async def signed() -> bool:
        return records(crashed)[-1].kind == "checkpoint"

    async with journal_in(crashed):
        await eventually(signed)


@pytest.mark.parametrize("piece", [1 << 20, 300], ids=["at once", "in pieces"])
async def test_bytes_after_the_last_copied_checkpoint_are_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """After a failed sync, they may be in the page cache only, and later syncs do not report that."""
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    chain = tmp_path / "worker-0"
    segment, copies = segment_path(chain, 1), chain / CHECKPOINTS
    left = segment.read_bytes()
    # The newer checkpoint has no copy yet, so it proves nothing. It is copied when everything is on disk.
    kept, uncopied = read_copies(chain).splitlines(keepends=True)
    copies.write_bytes(kept)
    sure = left.index(kept) + len(kept)
    assert sure < left.index(uncopied)

    done: list[tuple[int, bytes] | str] = []
    write, sync = os.pwrite, os.fdatasync

    def pwrite(file: int, content: bytes, offset: int) -> int:
        if os.path.sameopenfile(file, watched.fileno()):
            done.append((offset, bytes(content)))
        elif os.path.sameopenfile(file, beside.fileno()):
            done.append("copied")
        return write(file, content, offset)

    def fdatasync(file: int) -> None:
        if os.path.sameopenfile(file, watched.fileno()):
            done.append("synced")
        sync(file)

    monkeypatch.setattr(chains, "_REWRITE_BYTES", piece)
    with segment.open("rb") as watched, copies.open("rb") as beside, monkeypatch.context() as watching:
        watching.setattr(os, "pwrite", pwrite)
        watching.setattr(os, "fdatasync", fdatasync)
        await open_and_close(tmp_path)
    first = done.index("synced")
    written = [each for each in done[:first] if isinstance(each, tuple)]
    assert len(written) == len(done[:first]) == -(-(len(left) - sure) // piece)
    assert written[0][0] == sure
    assert b"".join(content for _, content in written) == left[sure:]
    assert done[first + 1] == "copied"
    assert segment.read_bytes().startswith(left)
    assert verified(tmp_path).open == ()


async def test_interrupted_start_is_completed_when_the_disk_recovers(crashed: Path, writes: Failing) -> None:
    """The incomplete line that a crash left is recorded."""
    newest = segment_path(crashed / "worker-0", segment_starts(crashed / "worker-0")[-1])
    with newest.open("ab") as file:
        file.write(newest.read_bytes()[:10])
    writes.error = errno.EIO
    async with journal_in(crashed) as journal:
        assert not journal.available
        writes.error = None
        await until_available(journal)
    assert len(torn_lines(crashed)) == 1
    assert verified(crashed).open == ()


async def test_torn_line_of_any_length_is_removed_and_reported(crashed: Path) -> None:
    folder = crashed / "worker-0"
    path = segment_path(folder, segment_starts(folder)[-1])
    whole = path.read_bytes()
    last = records(crashed)[-1]
    for kept in range(1, len(last.line)):
        path.write_bytes(whole[: len(whole) - len(last.line) + kept])
        found = examine(folder)
        assert isinstance(found, FoundChain)
        assert found.torn is not None
        assert (found.torn.offset, found.torn.content) == (len(whole) - len(last.line), last.line[:kept])
        assert (found.sequence, found.size) == (last.sequence - 1, len(whole) - len(last.line))
        if kept % 100 == 1 or kept == len(last.line) - 1:
            copy = Path(shutil.copytree(crashed, crashed.with_name(f"torn-{kept}")))
            await open_and_close(copy)
            (note,) = torn_lines(copy)
            assert (note["segment"], note["offset"], note["bytes"]) == (path.name, found.torn.offset, kept)
            assert verified(copy).open == ()


async def test_zeros_after_a_power_failure_are_removed(crashed: Path) -> None:
    folder = crashed / "worker-0"
    path = segment_path(folder, segment_starts(folder)[-1])
    with path.open("ab") as file:
        file.write(b'{"chain"' + b"\0" * 5000)
    await open_and_close(crashed)
    assert torn_lines(crashed)[0]["bytes"] == 5008
    verified(crashed)


@pytest.mark.parametrize("content", [b"", b'{"chain":"gw-'])
async def test_segment_without_its_first_record_is_removed(crashed: Path, content: bytes) -> None:
    sequence = records(crashed)[-1].sequence + 1
    segment_path(crashed / "worker-0", sequence).write_bytes(content)
    await open_and_close(crashed)
    assert len(torn_lines(crashed)) == 1
    assert verified(crashed).open == ()


@pytest.mark.parametrize("content", [b"", b'{"chain":"gw-', b'{"chain":"gw-1","sequence":1,"previous":"'])
async def test_chain_without_its_first_record_is_started_again(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "worker-0"
    folder.mkdir()
    segment_path(folder, 1).write_bytes(content)
    await open_and_close(tmp_path)
    verified(tmp_path)


async def test_altered_record_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    start_of = segment_starts(folder)[-1]
    path = segment_path(folder, start_of)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"Encrypt", b"Decrypt")
    path.write_bytes(b"".join(lines))
    error = await refused(crashed)
    assert (error.file, error.offset, error.sequence) == (f"worker-0/{path.name}", len(lines[0]), start_of + 1)


async def test_altered_end_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    path = segment_path(folder, segment_starts(folder)[-1])
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    error = await refused(crashed)
    assert (error.problem, error.sequence) == ("the end of the record was altered", records(crashed)[-1].sequence + 1)


async def test_missing_segment_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    starts = segment_starts(folder)
    segment_path(folder, starts[1]).unlink()
    error = await refused(crashed)
    assert (error.sequence, error.problem) == (starts[1], "records are missing before this segment")


async def test_missing_beginning_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    segment_path(folder, 1).unlink()
    assert (await refused(crashed)).problem == "the records before this segment are missing"


async def test_altered_link_between_older_segments_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    path = segment_path(folder, segment_starts(folder)[1])
    path.write_bytes(path.read_bytes().replace(b'"previous":"', b'"previous":"0', 1))
    assert (await refused(crashed)).file == f"worker-0/{path.name}"


async def test_removal_of_all_segments_stops_the_start(crashed: Path) -> None:
    folder = crashed / "worker-0"
    for start_of in segment_starts(folder):
        segment_path(folder, start_of).unlink()
    assert "ends before this checkpoint" in (await refused(crashed)).problem


_WRITER = """
import asyncio, sys, uvloop
from pathlib import Path
from tests.support.journals import intent, journal_in, outcome

async def call(journal, request):
    journal.append(intent(request, pad="x" * 300))
    await asyncio.sleep(0)
    receipt = journal.append(outcome(request, pad="x" * 300))
    await journal.commit(receipt)
    print(receipt, flush=True)

async def calls(journal, name):
    number = 0
    while True:
        await call(journal, f"{name}-{number}")
        number += 1

async def main():
    directory = Path(sys.argv[1])
    async with journal_in(directory, segment_bytes=20_000, checkpoint_records=25) as journal:
        await asyncio.gather(*(calls(journal, f"{sys.argv[2]}-{index}") for index in range(8)))

uvloop.run(main())
"""


async def test_acknowledged_records_survive_kills_at_random_moments(tmp_path: Path) -> None:
    """The chain also verifies, and the next run continues it."""
    seed = random.randrange(1 << 32)
    randomness = random.Random(seed)
    acknowledged: list[Receipt] = []
    for run in range(4):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _WRITER, str(tmp_path / "audit"), str(run)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        text = await process.stdout.readline()
        await asyncio.sleep(randomness.uniform(0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        text += await process.stdout.read()
        await process.wait()
        acknowledged += [Receipt.parse(line.decode()) for line in text.split(b"\n")[:-1]]
        verified(tmp_path / "audit")
    kept = {record.receipt for record in records(tmp_path / "audit")}
    assert kept.issuperset(acknowledged), seed
    await open_and_close(tmp_path / "audit")
    report = verified(tmp_path / "audit")
    assert (report.open, report.intents) == ((), report.outcomes), seed
    assert verify(tmp_path / "audit", expected=acknowledged[-3:]).good
    assert [parse(record.line).sequence for record in records(tmp_path / "audit")][-1] == report.records
