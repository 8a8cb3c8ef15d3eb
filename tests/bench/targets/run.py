"""One run of all targets. Each group of targets has a module of its own."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import dead_provider, tools
from tests.bench.competitors import Surroundings
from tests.bench.generators import LoadError
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError
from tests.bench.results import Rows
from tests.bench.targets import connections, cpu, instructions, listing, start, workers
from tests.bench.verdicts import Verdict

GROUPS: Final = ("instructions", "cpu", "workers", "list", "start", "connections", "failing")
_NAN: Final = float("nan")


@dataclass(frozen=True)
class Effort:
    """rounds: of everything that varies with the load of the machine. seconds: per measurement. processes: in which
    the instructions of each row are counted. connections: of the measurement of memory.
    """

    rounds: int
    seconds: float
    processes: int = 2
    connections: int = 10_000


@dataclass(frozen=True)
class Findings:
    """The verdicts, and the rows of CPU time that they are based on."""

    verdicts: Sequence[Verdict]
    rows: Rows


def measure(around: Surroundings, folder: Path, effort: Effort, only: Sequence[str]) -> Findings:
    """Measure the groups of targets by name; an empty list means all."""
    found = _rows(around, folder / "rows", effort, only)
    groups: Mapping[str, Callable[[Path], Sequence[Verdict]]] = {
        "instructions": lambda below: instructions.measure(around, below, found.rows, effort.processes),
        "cpu": lambda _below: cpu.verdicts(found),
        "workers": lambda below: workers.measure(around, below, effort.rounds, effort.seconds),
        "list": lambda below: listing.measure(around, below, effort.rounds),
        "start": lambda below: start.measure(around, below, effort.rounds),
        "connections": lambda below: connections.measure(around, below, effort.connections),
        "failing": lambda below: dead_provider.measure(around, below, rounds=effort.rounds, seconds=2 * effort.seconds),
    }
    verdicts = [one for name in only or GROUPS for one in _attempt(name, groups[name], folder / name)]
    return Findings(verdicts, found.rows)


def _rows(around: Surroundings, folder: Path, effort: Effort, only: Sequence[str]) -> cpu.Measurements:
    """The rows of CPU time that these groups need."""
    everything = not only or "cpu" in only
    if not everything and "instructions" not in only:
        return cpu.Measurements({})
    names = cpu.NAMES if everything else instructions.ROWS
    return cpu.measure(around, folder, names, rounds=effort.rounds, seconds=effort.seconds, half_load=everything)


def _attempt(name: str, group: Callable[[Path], Sequence[Verdict]], folder: Path) -> Sequence[Verdict]:
    print(f"targets: {name}", file=sys.stderr, flush=True)
    try:
        return group(folder)
    except (ServerError, LoadError, WrongAnswerError, tools.MissingToolError) as error:
        print(f"targets: {name}: {error}", file=sys.stderr)
        return [Verdict(name, _NAN, _NAN, remark=str(error).splitlines()[0][:80])]
