"""A verification in a process of its own: its progress, and the file with its state."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.journal.format.keys import PUBLIC_KEY, JournalPublicKey
from gateway.journal.format.segments import chain_folder, segment_path, segment_starts
from gateway.journal.verify import progress
from gateway.journal.verify.progress import Progress
from gateway.journal.verify.run import NOT_VERIFIED, RUNNING, VERIFIED, VerificationRun, run
from gateway.journal.verify.verification import verify
from tests.support.journals import journal_in, record_call

CALLS = 60
SEGMENT_BYTES = 4096


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """Return a journal with several segments."""
    directory = tmp_path / "audit"
    async with journal_in(directory, segment_bytes=SEGMENT_BYTES, compress=False) as journal:
        for number in range(CALLS):
            await record_call(journal, f"r{number}")
    return directory


def state_of(directory: Path) -> VerificationRun:
    """Run a verification, and return its final state."""
    path = directory.parent / "state.json"
    VerificationRun(RUNNING, 1000.0).store(path)
    run(directory, path, ())
    found = VerificationRun.load(path)
    assert found is not None
    return found


def test_progress_grows_to_the_whole_journal(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINES_BETWEEN_LOOKS", 1)
    monkeypatch.setattr(progress, "_INTERVAL_SECONDS", 0.0)
    seen: list[tuple[int, int]] = []
    following = Progress(journal, lambda records, percent: seen.append((records, percent)))
    report = verify(journal, watch=following.watch)

    assert report.good
    assert len(segment_starts(chain_folder(journal, 0))) > 3
    assert seen == sorted(seen)
    assert seen[-1][0] == report.chains[0].records
    assert 0 <= seen[0][1] < 10
    assert following.percent == 100


def test_correct_journal_is_verified(journal: Path) -> None:
    found = state_of(journal)
    key = JournalPublicKey.from_pem((journal / PUBLIC_KEY).read_bytes())

    assert (found.state, found.percent, found.problems) == (VERIFIED, 100, ())
    assert found.started == 1000.0
    assert found.ended > found.started
    assert found.records > 2 * CALLS
    assert found.keys == (key.id,)
    assert len(found.heads) == 1


def test_changed_record_is_a_problem(journal: Path) -> None:
    folder = chain_folder(journal, 0)
    path = segment_path(folder, segment_starts(folder)[1])
    path.write_bytes(path.read_bytes().replace(b"outcome", b"Outcome", 1))
    found = state_of(journal)

    assert found.state == NOT_VERIFIED
    (problem,) = found.problems
    assert path.name in problem


def test_directory_without_a_journal_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    found = state_of(tmp_path / "audit")

    assert found.state == NOT_VERIFIED
    assert len(found.problems) == 1


def test_trusted_key_is_not_read_from_the_directory(journal: Path, tmp_path: Path) -> None:
    """Somebody who replaces the journal can also replace the public key in its directory."""
    path = tmp_path / "state.json"
    VerificationRun(RUNNING, 1000.0).store(path)
    foreign = JournalPublicKey.from_text("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    run(journal, path, (foreign,))
    found = VerificationRun.load(path)

    assert found is not None
    assert found.state == NOT_VERIFIED


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", json.dumps({"problems": []}).encode()])
def test_unreadable_state_is_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert VerificationRun.load(path) is None


@pytest.mark.parametrize("started", ['"soon"', "-1", "1e300", "null", "[]"])
def test_state_with_an_invalid_time_counts_as_missing(tmp_path: Path, started: str) -> None:
    path = tmp_path / "state.json"
    VerificationRun(RUNNING, 123.0).store(path)
    path.write_text(path.read_text().replace("123.0", started))
    assert VerificationRun.load(path) is None


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/dev/zero"), os.mkfifo])
def test_state_that_is_no_file_is_not_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "state.json")
    with pytest.raises(OSError, match="not a regular file"):
        VerificationRun.load(tmp_path / "state.json")
