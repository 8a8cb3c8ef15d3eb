"""Resources of the processes of a running server: memory, files and connections, threads, and tasks."""

import asyncio
import contextlib
import json
import os
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.bench import accounting
from tests.bench.counted import counts_file

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_REPORT_SECONDS: Final = 60.0
_SETTLED_SECONDS: Final = 17.0
"""An idle connection to an upstream is closed after 15 seconds."""
_MAIN: Final = "gateway"


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """Resources of one process. name: its module. pending: waiting tasks and futures, by name. objects: number of
    Python objects. files: files and connections.
    """

    name: str
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


def threads(pid: int) -> int:
    """Number of threads."""
    return len(os.listdir(_PROC / str(pid) / "task"))


def processes(pid: int) -> Mapping[int, str]:
    """The process of a gateway and its descendants, with their modules."""
    return {pid: _MAIN, **{child: _module(command) for child, (command, _) in accounting.commands(pid).items()}}


def _module(command: str) -> str:
    """The module after the last `-m` or, below the wrapper, after its folder."""
    words = command.split()
    modules = [word for word in words if word.startswith(f"{_MAIN}.") or word == _MAIN]
    return modules[0] if modules else Path(words[0]).name


async def settled(pid: int, folder: Path, longest: float = 60.0) -> Mapping[int, ResourceUsage]:
    """Resources of the processes of an idle gateway, after the numbers of their files have not changed for a while.

    folder: where `tests.bench.counted` writes the counts.
    """
    deadline, before, since = time.monotonic() + longest, _all_files(pid), time.monotonic()
    while time.monotonic() < min(deadline, since + _SETTLED_SECONDS):
        await asyncio.sleep(0.5)
        if (now := _all_files(pid)) != before:
            before, since = now, time.monotonic()
    return {one: await _usage(one, name, folder) for one, name in processes(pid).items()}


def _all_files(pid: int) -> Mapping[int, int]:
    return {one: files(one) for one in processes(pid)}


async def _usage(pid: int, name: str, folder: Path) -> ResourceUsage:
    counts = await _counts(pid, counts_file(folder, pid))
    return ResourceUsage(name, files(pid), threads(pid), Counter(counts["pending"]), counts["objects"])


async def _counts(pid: int, path: Path) -> dict[str, Any]:
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _REPORT_SECONDS
    while (text := _read_and_remove(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} did not report its tasks")
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
    """Sample the resident memory of processes every second while the block runs.

    samples: of each process, time and bytes. A process that ends has no more samples.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self.samples: Mapping[int, list[tuple[float, int]]] = {pid: [] for pid in pids}
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

    def median(self, pid: int, begin: float, end: float) -> float:
        """The median of a part of the time, from 0 to 1; NaN without a sample."""
        samples = self.samples[pid]
        if not samples:
            return float("nan")
        first, last = samples[0][0], samples[-1][0]
        sizes = [size for moment, size in samples if begin <= (moment - first) / (last - first or 1.0) <= end]
        return statistics.median(sizes or [float("nan")])

    def curve(self, pid: int, parts: int = 60) -> Sequence[float]:
        """Medians of equal parts of the time."""
        return [self.median(pid, part / parts, (part + 1) / parts) for part in range(parts)]

    def sample(self) -> None:
        """Take one sample of each process."""
        now = time.monotonic()
        for pid, samples in self.samples.items():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                samples.append((now, resident(pid)))

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.sample()
