"""CPU time and memory of a process and its descendants, from the kernel's accounting."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds: `main` of the process itself, `helpers` of its descendants. system: the kernel's part of both."""

    main: float
    helpers: float
    system: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.main + self.helpers

    def since(self, before: "Usage") -> "Usage":
        """The difference."""
        return Usage(self.main - before.main, self.helpers - before.helpers, self.system - before.system)


def usage(pid: int) -> Usage:
    """CPU time so far. Descendants that ended are included after their parent has waited for them."""
    processes = _processes()
    descendants = [processes[child] for child in _descendants(pid, processes)]
    everybody = [processes[pid], *descendants]
    helpers = sum(one.own for one in descendants) + sum(one.ended_children for one in everybody)
    return Usage(processes[pid].own, helpers, sum(one.system + one.ended_children_system for one in everybody))


def machine_busy() -> float:
    """Busy CPU seconds of all processors so far, for all processes."""
    fields = [int(field) for field in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields
    return (user + nice + system + interrupts + soft_interrupts + stolen) / _TICKS


def peak_memory(pid: int) -> int:
    """Sum of the peak resident memory, in bytes, of the process and its descendants."""
    return sum(_peak(one) for one in (pid, *_descendants(pid, _processes())))


def threads(pid: int) -> Mapping[int, tuple[str, float]]:
    """Name and CPU seconds of each thread of a process."""
    found: dict[int, tuple[str, float]] = {}
    for entry in (_PROC / str(pid) / "task").iterdir():
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        found[int(entry.name)] = stat[stat.index("(") + 1 : stat.rindex(")")], _parse(stat).own
    return found


def commands(pid: int) -> Mapping[int, tuple[str, float]]:
    """Command and CPU seconds of each descendant of a process."""
    processes = _processes()
    found: dict[int, tuple[str, float]] = {}
    for child in _descendants(pid, processes):
        try:
            command = (_PROC / str(child) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found[child] = command, processes[child].own
    return found


@dataclass(frozen=True, slots=True)
class _Process:
    """own, ended_children: CPU seconds. system, ended_children_system: the kernel's part."""

    parent: int
    own: float
    ended_children: float
    system: float
    ended_children_system: float


def _processes() -> Mapping[int, _Process]:
    found: dict[int, _Process] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = _parse((entry / "stat").read_text())
            except OSError:
                continue  # the process ended in the meantime
    return found


def _parse(stat: str) -> _Process:
    """Fields of `/proc/PID/stat`. The second field, the name in parentheses, can contain any character."""
    fields = stat[stat.rindex(")") + 2 :].split()
    user, system, children_user, children_system = (int(field) / _TICKS for field in fields[11:15])
    return _Process(int(fields[1]), user + system, children_user + children_system, system, children_system)


def _descendants(pid: int, processes: Mapping[int, _Process]) -> Iterator[int]:
    for candidate, process in processes.items():
        if process.parent == pid:
            yield candidate
            yield from _descendants(candidate, processes)


def _peak(pid: int) -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmHWM", "0 kB").split()[0]) * 1024
