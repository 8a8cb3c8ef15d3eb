"""Limits of CPU and memory for measured processes, with control groups of version 1. Requires root."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS: Final = 20_000


class CgroupError(Exception):
    """The machine has no writable control groups of version 1."""


class Cgroup:
    """One control group. `command` returns a command that runs another one inside of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self, command: Sequence[object]) -> Sequence[object]:
        """Return the command of a process that enters the group, and then becomes the given program."""
        return ("sh", "-c", f'echo $$ > {self._folder}/cgroup.procs && exec "$@"', "sh", *command)

    def read(self, name: str) -> int:
        """Return the number in a file of the group, or the one after `name.KEY` for a file with several."""
        name, _, key = name.partition(":")
        text = (self._folder / name).read_text()
        return int(text if not key else dict(line.split() for line in text.splitlines())[key])


@contextlib.contextmanager
def memory(limit: int) -> Iterator[Cgroup]:
    """Create a group whose processes have at most `limit` bytes of memory, and no swap."""
    with _group("memory") as folder:
        (folder / "memory.limit_in_bytes").write_text(str(limit))
        if (swap := folder / "memory.memsw.limit_in_bytes").exists():
            swap.write_text(str(limit))
        yield Cgroup(folder)


@contextlib.contextmanager
def processor(share: float) -> Iterator[Cgroup]:
    """Create a group whose processes have this share of one processor."""
    with _group("cpu") as folder:
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
        (folder / "cpu.cfs_quota_us").write_text(str(round(_PERIOD_MICROSECONDS * share)))
        yield Cgroup(folder)


@contextlib.contextmanager
def _group(controller: str) -> Iterator[Path]:
    folder = _ROOT / controller / f"keyway-bench-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise CgroupError(f"{folder}: {error.strerror}; this measurement needs cgroups v1 and root") from error
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # a process of it is still ending
            folder.rmdir()
