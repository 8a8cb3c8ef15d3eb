"""Compression of sealed segments: every reader gets the same records, and no crash loses any."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.query import Tail, events_of_request
from gateway.cli.program import main
from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.cursor import Cursor
from gateway.journal.format.segments import (
    compressed_path,
    open_segment,
    read_lines,
    segment_path,
    segment_starts,
)
from gateway.journal.ship.reader import ChainBrokenError, ChainReader
from gateway.journal.verify.verification import verify
from gateway.journal.write import compression, maintenance
from gateway.journal.write.compressed_journal import decompress_journal
from gateway.journal.write.compression import StoppedError, compress, compressible, decompress
from gateway.journal.write.journal import Journal
from tests.support.journals import (
    audit_settings,
    bodies,
    crashed_copy,
    intent,
    journal_in,
    open_and_close,
    outcome,
    record_call,
    roll_back,
    unknown_outcome,
    verified,
)
from tests.support.waiting import eventually

LARGE: dict[str, Any] = {"segment_bytes": 5 << 19, "compress": False}
FRAME = 1 << 20


async def fill(journal: Journal, segments: int) -> None:
    """Write until there are this many segments, each of more than two frames."""
    number = 0
    while len(segment_starts(journal.folder)) < segments:
        number += 1
        journal.append(intent(f"r{number}", pad=secrets.token_hex(8000)))
        await journal.commit(journal.append(outcome(f"r{number}", pad="x" * 16000)))


@pytest.fixture
async def audit(tmp_path: Path) -> Path:
    """A closed journal with two sealed segments, which are not compressed."""
    directory = tmp_path / "audit"
    async with journal_in(directory, **LARGE) as journal:
        await fill(journal, 3)
    return directory


def compress_all(directory: Path) -> list[int]:
    folder = directory / "worker-0"
    starts = compressible(folder, 1 << 63)
    for start in starts:
        compress(folder, start, lambda: False)
    assert compressible(folder, 1 << 63) == []
    return starts


def read_all(folder: Path, after_fifty: Callable[[], object] = lambda: None) -> list[int]:
    """Read the chain as the shipper does, in batches; return the sequence numbers."""
    reader, sequences = ChainReader(folder), []
    cursor: Cursor | None = None
    while batch := reader.batch(cursor, records=25, bytes_=1 << 22):
        sequences += [end.sequence for end in batch.ends]
        cursor = batch.ends[-1]
        if len(sequences) == 50:
            after_fifty()
    return sequences


def plain(folder: Path) -> list[Path]:
    return [segment_path(folder, start) for start in segment_starts(folder) if segment_path(folder, start).exists()]


def test_every_reader_gets_the_same_records(audit: Path) -> None:
    folder = audit / "worker-0"
    before = list(read_lines(folder))
    contents = [path.read_bytes() for path in plain(folder)]
    assert len(compress_all(audit)) == 2
    assert plain(folder) == [segment_path(folder, segment_starts(folder)[-1])]
    assert list(read_lines(folder)) == before
    for line, begin, _ in before[::7]:
        assert next(read_lines(folder, begin))[0] == line
    for start, content in zip(segment_starts(folder), contents, strict=True):
        with open_segment(segment_path(folder, start)) as file:
            assert file.seek(-100, os.SEEK_END) == len(content) - 100
            assert file.read() == content[-100:]
            file.seek(FRAME - 50)
            assert file.read(100) == content[FRAME - 50 : FRAME + 50]
        assert (folder / f"{start:020}.jsonl.zst").exists() == (start != segment_starts(folder)[-1])
    assert verified(audit).records == len(before)
    assert len(Tail(audit).newest(10**6)) == verified(audit).intents + verified(audit).outcomes
    assert len(list(events_of_request(audit, "r1"))) == 2


def test_chain_is_shipped_from_compressed_segments(audit: Path) -> None:
    folder = audit / "worker-0"
    sequences = read_all(folder, after_fifty=lambda: compress_all(audit))
    assert plain(folder) == [segment_path(folder, segment_starts(folder)[-1])]
    assert sequences == list(range(1, verified(audit).records + 1))


def test_file_is_readable_by_the_zstd_program(audit: Path) -> None:
    if (program := shutil.which("zstd")) is None:
        pytest.skip("needs zstd")
    path = segment_path(audit / "worker-0", 1)
    content = path.read_bytes()
    compress_all(audit)
    assert compressed_path(path).stat().st_size < len(content)
    run = subprocess.run([program, "-dc", compressed_path(path)], capture_output=True, check=True)
    assert run.stdout == content


async def test_journal_continues_and_retention_removes_compressed_segments(audit: Path) -> None:
    compress_all(audit)
    folder = audit / "worker-0"
    async with journal_in(audit, retention=0, remove_unshipped=True, minimum_free=0) as journal:
        await record_call(journal, "after")

        async def removed() -> bool:
            return len(segment_starts(folder)) == 1

        await eventually(removed)
    assert list(folder.glob("*.zst")) == []
    assert verified(audit).first > 1
    assert len(bodies(audit, "retention")) == 1


async def test_sealed_segments_are_compressed_while_the_journal_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL_SECONDS", 0.02)
    async with journal_in(tmp_path, segment_bytes=1 << 16) as journal:
        for number in range(600):
            await record_call(journal, f"r{number}")

        async def only_the_newest_is_plain() -> bool:
            return len(plain(journal.folder)) == 1

        await eventually(only_the_newest_is_plain)
        assert len(segment_starts(journal.folder)) > 2
        # A later segment of the same chain.
        report = verified(tmp_path)
        assert (report.intents, report.outcomes) == (600, 600)
    await open_and_close(tmp_path)
    assert verify(tmp_path).good


def test_segment_is_compressed_only_after_its_successor_is_durable(audit: Path) -> None:
    folder = audit / "worker-0"
    starts = segment_starts(folder)
    assert compressible(folder, starts[1] - 1) == []
    assert compressible(folder, starts[1]) == starts[:1]


async def test_crash_at_any_step_leaves_a_valid_journal(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Path] = []

    def snapshot(name: str) -> None:
        real = getattr(os, name)

        def take(*arguments: Any, **options: Any) -> Any:
            left.append(Path(shutil.copytree(audit, audit.with_name(f"crash-{len(left)}"))))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, take)

    folder = audit / "worker-0"
    for name in ("fsync", "rename", "replace", "unlink"):
        snapshot(name)
    compress(folder, 1, lambda: False)
    steps = len(left)
    assert steps >= 4
    decompress(folder, 1)
    assert len(left) > steps
    monkeypatch.undo()
    for directory in left:
        verified(directory)
        await open_and_close(directory, compress=False)
        compress_all(directory)
        assert verified(directory).first == 1


def test_stopped_or_failed_compression_changes_nothing(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = audit / "worker-0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    steps = iter([False, True])
    with pytest.raises(StoppedError):
        compress(folder, 1, lambda: next(steps))
    with monkeypatch.context() as patch:
        patch.setattr(compression, "compressed_frame", lambda content: content[:100])
        with pytest.raises((OSError, ValueError)):
            compress(folder, 1, lambda: False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("damage", ["content", "table", "truncated", "empty"])
async def test_damaged_segment_is_reported(audit: Path, damage: str) -> None:
    compress_all(audit)
    path = compressed_path(segment_path(audit / "worker-0", 1))
    content = bytearray(path.read_bytes())
    if damage == "content":
        content[len(content) // 2] ^= 1
    elif damage == "table":
        content[-12] ^= 1
    kept = {"truncated": len(content) - 1, "empty": 0}.get(damage, len(content))
    path.write_bytes(bytes(content[:kept]))
    problem = verify(audit).chains[0].problem
    assert problem is not None
    assert problem.file == "worker-0/00000000000000000001.jsonl"
    assert "compressed" in problem.what
    with pytest.raises(ChainBrokenError, match="compressed"):
        read_all(audit / "worker-0")
    if damage != "content":
        with pytest.raises(JournalCorrupt, match=f"^worker-0/{path.name}: .* compressed"):
            await Journal.open(audit_settings(audit), 0, unknown_outcome=unknown_outcome)


async def test_newest_segment_is_decompressed_at_the_start(tmp_path: Path) -> None:
    async with journal_in(tmp_path / "audit", checkpoint_interval=3600, **LARGE) as journal:
        await fill(journal, 2)
        crashed = crashed_copy(tmp_path / "audit")
    folder = crashed / "worker-0"
    compress(folder, 1, lambda: False)
    last = segment_starts(folder)[1]
    roll_back(folder, last - 1)
    async with journal_in(crashed) as journal:
        await record_call(journal, "after")
    assert segment_path(folder, 1).exists()
    verified(crashed)


def test_command_restores_the_files_for_older_versions(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = audit / "worker-0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    compress_all(audit)
    assert main(["audit", "decompress", str(audit)]) == 0
    assert "2 segments decompressed" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


async def test_command_leaves_the_journal_of_a_running_gateway_alone(audit: Path) -> None:
    compress_all(audit)
    async with journal_in(audit):
        with pytest.raises(BlockingIOError, match="another process uses this journal"):
            decompress_journal(audit)
    assert len(plain(audit / "worker-0")) == 1
