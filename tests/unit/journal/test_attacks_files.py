"""Attacks with files that are not regular files: links to files elsewhere, and pipes and devices that never end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.journal.format.regular_files import NotRegularFile
from gateway.journal.format.segments import CHECKPOINTS, RESERVE
from gateway.journal.verify.verification import Unverifiable
from tests.support.journals import journal_in, open_and_close, problems, record_call, records

POLICY = b"permit (principal, action, resource);\nforbid (principal, action, resource);"
SEGMENT = "worker-0/00000000000000000001.jsonl"
FILES = ["manifest", "manifest.lock", "digest-key", "public-key.pem", f"worker-0/{CHECKPOINTS}", SEGMENT]
READ_BY_VERIFY = ["manifest", "public-key.pem", f"worker-0/{CHECKPOINTS}", SEGMENT]


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """A journal with a call."""
    async with journal_in(tmp_path / "audit") as journal:
        await record_call(journal, "r1")
    return tmp_path / "audit"


def link(path: Path) -> None:
    """Replace a file by a link to itself under another name, so that only the kind of file differs."""
    path.symlink_to(path.rename(path.with_name(f"{path.name}.moved")))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


each_kind = pytest.mark.parametrize("replace", [link, pipe, device])


def reported(directory: Path) -> str:
    """Return what verification reports, or why it can't begin."""
    try:
        return problems(directory)
    except Unverifiable as error:
        return str(error)


@each_kind
@pytest.mark.parametrize("name", FILES)
async def test_start_rejects_a_file_that_is_not_regular(
    directory: Path, name: str, replace: Callable[[Path], None]
) -> None:
    replace(directory / name)
    with pytest.raises(NotRegularFile, match="not a regular file"):
        await open_and_close(directory)


@each_kind
@pytest.mark.parametrize("name", READ_BY_VERIFY)
async def test_verify_reports_a_file_that_is_not_regular(
    directory: Path, name: str, replace: Callable[[Path], None]
) -> None:
    replace(directory / name)
    assert "not a regular file" in reported(directory)


async def test_copies_of_checkpoints_are_not_written_to_another_file(tmp_path: Path) -> None:
    """The last line of the policy file has no newline, so it looked like a torn copy and was cut off."""
    policy = tmp_path / "policy.cedar"
    policy.write_bytes(POLICY)
    async with journal_in(tmp_path / "audit", checkpoint_records=2, checkpoint_interval=3600) as journal:
        await record_call(journal, "r1")
        swapped = tmp_path / "link"
        swapped.symlink_to(policy)
        swapped.replace(tmp_path / "audit" / "worker-0" / CHECKPOINTS)
        for number in range(3):
            await record_call(journal, f"s{number}")
    assert policy.read_bytes() == POLICY


async def test_reserve_is_not_allocated_in_another_file(directory: Path) -> None:
    policy = directory.parent / "policy.cedar"
    policy.write_bytes(POLICY)
    (directory / "worker-0" / RESERVE).unlink()
    (directory / "worker-0" / RESERVE).symlink_to(policy)
    with pytest.raises(NotRegularFile):
        await open_and_close(directory)
    assert policy.read_bytes() == POLICY


async def test_pipe_in_place_of_the_manifest_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    async with journal_in(tmp_path, checkpoint_records=2, checkpoint_interval=3600) as journal:
        await record_call(journal, "r1")
        pipe(tmp_path / "manifest")
        for number in range(3):
            await record_call(journal, f"s{number}")
    assert len(records(tmp_path, "event")) == 8


async def test_file_that_is_too_large_is_not_read_into_memory(directory: Path) -> None:
    os.truncate(directory / "worker-0" / CHECKPOINTS, 1 << 40)
    assert "larger than" in problems(directory)
