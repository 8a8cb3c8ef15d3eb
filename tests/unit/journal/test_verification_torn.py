"""Verification of malformed, misplaced, and incomplete records."""

import shutil
from pathlib import Path

import pytest

from gateway.journal.format.records import Kind, Receipt, encode
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.verify.report import Problem
from gateway.journal.verify.verification import verify
from tests.support.journals import event, intent, journal_in, record_call, records, verified


@pytest.fixture(scope="module")
async def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a chain of four segments with a checkpoint in most of them, and an open intent."""
    directory = tmp_path_factory.mktemp("original") / "audit"
    async with journal_in(directory, segment_bytes=4096, checkpoint_records=8) as journal:
        journal.append(intent("open"))
        for number in range(14):
            await record_call(journal, f"r{number}")
    assert len(segment_starts(directory / "worker-0")) == 4
    return directory


@pytest.fixture
def directory(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "audit"))


@pytest.fixture
def folder(directory: Path) -> Path:
    return directory / "worker-0"


def problem_of(directory: Path, *expected: Receipt, keys: list[Path] | None = None) -> Problem:
    report = verify(directory, expected=expected, public_keys=keys or ())
    assert not report.good
    (chain,) = report.chains
    assert chain.problem is not None
    return chain.problem


def appended(directory: Path, kind: Kind, body: bytes) -> None:
    """Append a record with a correct hash and link."""
    last = records(directory)[-1]
    line, _ = encode(last.chain, last.sequence + 1, last.hash, kind, body)
    folder = directory / "worker-0"
    with segment_path(folder, segment_starts(folder)[-1]).open("ab") as file:
        file.write(line)


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        ("event", event("outcome", "unknown"), "the outcome of request unknown has no intent"),
        ("event", b"{]}", "the body is not JSON"),
        ("checkpoint", b"{}", "not a valid checkpoint"),
        ("segment", b"{}", "unexpected first record of a segment"),
        ("retention", b"{}", "the record does not name the last record that retention removed"),
        ("other", b"{}", "unknown record kind other"),
    ],
)
def test_misplaced_or_malformed_record_is_found(directory: Path, kind: Kind, body: bytes, what: str) -> None:
    appended(directory, kind, body)
    problem = problem_of(directory)
    assert (problem.sequence, problem.what) == (records(directory)[-1].sequence, what)


def test_checkpoint_of_another_head_is_found(directory: Path) -> None:
    appended(directory, "checkpoint", records(directory, "checkpoint")[1].body)
    assert problem_of(directory).what == "the checkpoint does not sign the previous record"


def test_incomplete_record_at_the_end_is_a_note(directory: Path, folder: Path) -> None:
    before = len(records(directory))
    appended(directory, "event", event("outcome", "open", text='a "quoted" {text} \\'))
    path = segment_path(folder, segment_starts(folder)[-1])
    whole = path.read_bytes()
    length = len(records(directory)[-1].line)
    for cut in range(1, length):
        path.write_bytes(whole[:-cut])
        report = verified(directory)
        assert (report.records, len(report.notes)) == (before, 1)


def test_complete_record_with_an_altered_end_is_an_error(directory: Path, folder: Path) -> None:
    appended(directory, "event", event("outcome", "open"))
    path = segment_path(folder, segment_starts(folder)[-1])
    whole = path.read_bytes()
    for end in (b" ", b"\0", b"}", b"x"):
        path.write_bytes(whole[:-1] + end)
        assert problem_of(directory).what == "the end of the last record was altered"
    path.write_bytes(whole[:-5] + b"0000")
    assert problem_of(directory).what == "the end of the last record was altered"


def test_incomplete_record_in_an_older_segment_is_found(directory: Path, folder: Path) -> None:
    path = segment_path(folder, 1)
    path.write_bytes(path.read_bytes()[:-1])
    assert "although a later segment exists" in problem_of(directory).what


def test_newest_segment_without_its_first_record_is_a_note(directory: Path, folder: Path) -> None:
    last = records(directory)[-1].sequence
    for content in (b"", b'{"chain"'):
        segment_path(folder, last + 1).write_bytes(content)
        assert verified(directory).head == records(directory)[-1].receipt


async def test_chain_verifies_while_it_is_written(tmp_path: Path) -> None:
    async with journal_in(tmp_path, segment_bytes=4096, checkpoint_records=5) as journal:
        for number in range(30):
            await record_call(journal, f"r{number}")
            verified(tmp_path)
