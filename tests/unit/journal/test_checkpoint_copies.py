"""Copies of checkpoints on a thread, while further checkpoints become durable."""

from collections.abc import Callable
from pathlib import Path

from gateway.journal.format.checkpoints import read_copies
from gateway.journal.write.checkpoint_copies import CheckpointCopies

FIRST, SECOND, THIRD = b'{"checkpoint":1}\n', b'{"checkpoint":2}\n', b'{"checkpoint":3}\n'


def test_checkpoint_that_becomes_durable_during_a_copy_is_copied_without_another_flush(tmp_path: Path) -> None:
    jobs: list[Callable[[], None]] = []
    copies = CheckpointCopies(tmp_path, jobs.append)
    for number, line in enumerate((FIRST, SECOND, THIRD), 1):
        copies.add(line, number)
    copies.copy_until(1)
    copies.copy_until(2)
    assert len(jobs) == 1, "one thread at a time"
    jobs.pop()()
    assert read_copies(tmp_path) == FIRST + SECOND, "the third one is not durable yet"
    copies.copy_until(3)
    jobs.pop()()
    assert read_copies(tmp_path) == FIRST + SECOND + THIRD


def test_failed_copy_is_repeated_by_a_later_call(tmp_path: Path) -> None:
    jobs: list[Callable[[], None]] = []
    folder = tmp_path / "chain"
    copies = CheckpointCopies(folder, jobs.append)
    copies.add(FIRST, 1)
    copies.copy_until(1)
    jobs.pop()()
    folder.mkdir()
    copies.copy_until(1)
    jobs.pop()()
    assert read_copies(folder) == FIRST
