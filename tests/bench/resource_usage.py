"""Resources of a running server: memory, files and connections, threads, and tasks."""

import asyncio
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_REPORT_SECONDS: Final = 20.0
_SETTLED_SECONDS: Final = 17.0
"""An idle connection to an upstream is closed after 15 seconds."""


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """pending: waiting tasks and futures, by name. objects: number of Python objects. files: files and connections."""

    files: int
    threads: int
    pending: Counter[str]
    objects: int


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE


def files(pid: int) -> int:
    """Number of open files and connections."""
    return len(os.listdir(_PROC / str(pid) / "fd"))


async def settled(pid: int, counts_file: Path, longest: float = 60.0) -> ResourceUsage:
    """Resources of the idle server, after the number of its files has not changed for a while."""
    deadline, before, since = time.monotonic() + longest, files(pid), time.monotonic()
    while time.monotonic() < min(deadline, since + _SETTLED_SECONDS):
        await asyncio.sleep(0.5)
        if (now := files(pid)) != before:
            before, since = now, time.monotonic()
    counts = await _counts(pid, counts_file)
    threads = len(os.listdir(_PROC / str(pid) / "task"))
    return ResourceUsage(files(pid), threads, Counter(counts["pending"]), counts["objects"])


async def _counts(pid: int, path: Path) -> dict[str, Any]:
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _REPORT_SECONDS
    while (text := _read_and_remove(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the gateway did not report its tasks")
        await asyncio.sleep(0.05)
    counts: dict[str, Any] = json.loads(text)
    return counts


def _read_and_remove(path: Path) -> str | None:
    """Read and remove the file; None if it does not exist yet."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    path.unlink()
    return text


class MemoryLog:
    """Sample the resident memory of a process every second while the block runs. samples: time and bytes."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, int]] = []
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def between(self, begin: float, end: float) -> Sequence[int]:
        """Samples of a part of the time, from 0 to 1."""
        first, last = self.samples[0][0], self.samples[-1][0]
        return [size for moment, size in self.samples if begin <= (moment - first) / (last - first or 1.0) <= end]

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.samples.append((time.monotonic(), resident(self._pid)))
