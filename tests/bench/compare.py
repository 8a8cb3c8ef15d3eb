"""Two trees in one run: which rows moved beyond noise. `make bench ARGS="--compare REV"`."""

import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal

from tests.bench import tools
from tests.bench.competitors import Surroundings
from tests.bench.instructions import AT_ONCE, count
from tests.bench.intervals import Interval, of_median, of_ratio
from tests.bench.line_up import competitor
from tests.bench.measure import Turn
from tests.bench.processes import ServerError
from tests.bench.results import LEVEL, Row
from tests.bench.run import Plan, take

_CONFIDENCE: Final = 0.99
"""Higher than for targets, because about twenty quantities are compared."""
_INSTRUCTIONS_MARGIN: Final = 0.02
_COUNTED: Final = (("plaintext", "bare"), ("plaintext", "cached"), ("tls", "everything"))
_TIMED: Final = (*_COUNTED, ("plaintext", "public-key"), ("tls", "everything-os"), ("tls", "policy"))
_LEVELS: Final = (1, LEVEL)

Tree = Literal["before", "after"]
Trees = Mapping[Tree, Surroundings]
_TREES: Final[tuple[Tree, Tree]] = ("before", "after")


class RevisionError(Exception):
    """The revision does not exist, or its environment cannot be made."""


@dataclass(frozen=True)
class Change:
    """A quantity of a row in both trees; lower is better. interval: of after ÷ before. margin: a smaller change is
    noise.
    """

    row: str
    quantity: str
    before: float
    after: float
    interval: Interval
    margin: float = 0.0

    @property
    def verdict(self) -> Literal["better", "worse", "within noise"]:
        """Whether the whole interval is on one side of 1, beyond the margin."""
        if self.interval.low > 1 and self.interval.value > 1 + self.margin:
            return "worse"
        return "better" if self.interval.high < 1 and self.interval.value < 1 - self.margin else "within noise"


@contextmanager
def revision(name: str) -> Iterator[Path]:
    """A temporary working tree of a revision, with an environment of its own."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    tree = tools.BUILD / f"compare-{os.getpid()}"
    tools.BUILD.mkdir(exist_ok=True)
    _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        _run(["make", "-C", str(tree), f"PYTHON={_base_python()}", ".venv/.runtime"])
        yield tree
    finally:
        _git("worktree", "remove", "--force", str(tree))


def trees(around: Surroundings, before: Path) -> Trees:
    """The surroundings of both trees, which share everything but the gateway."""
    return {"before": replace(around, root=before, python=before / ".venv" / "bin" / "python"), "after": around}


def measure(both: Trees, folder: Path, rounds: int, seconds: float, processes: int) -> Sequence[Change]:
    """Measure the rows of both trees alternately."""
    folder.mkdir(parents=True, exist_ok=True)
    return [*_counted(both, folder, processes), *_timed(both, folder, rounds, seconds)]


def _counted(both: Trees, folder: Path, processes: int) -> Sequence[Change]:
    jobs = [(row, tree, n) for n in range(processes) for row in _COUNTED for tree in _TREES]

    def one(job: tuple[tuple[str, str], Tree, int]) -> Sequence[float]:
        row, tree, number = job
        found = count(competitor(*row), both[tree], folder / f"{row[1]}-{tree}-{number}")
        print(f"{row[1]}, {tree}: {found.median:,.0f} instructions per call", file=sys.stderr, flush=True)
        return found.per_call

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(zip(jobs, pool.map(one, jobs), strict=True))
    changes = []
    for row in _COUNTED:
        before, after = (
            [value for job, values in found if job[:2] == (row, tree) for value in values] for tree in _TREES
        )
        ratio = of_ratio(after, before)
        medians = statistics.median(before), statistics.median(after)
        changes.append(Change(competitor(*row).label, "instructions", *medians, ratio, _INSTRUCTIONS_MARGIN))
    return changes


def _timed(both: Trees, folder: Path, rounds: int, seconds: float) -> Sequence[Change]:
    rows = {(row, tree): Row(competitor(*row)) for row in _TIMED for tree in _TREES}
    for number in range(rounds):
        shift = number % len(_TIMED)
        for row in (*_TIMED[shift:], *_TIMED[:shift]):
            for tree in _TREES if number % 2 else _TREES[::-1]:
                if not rows[row, tree].failure:
                    take(rows[row, tree], Plan(_LEVELS, seconds), both[tree], folder / f"{number}-{row[1]}-{tree}")
    pairs = [(rows[row, "before"], rows[row, "after"]) for row in _TIMED]
    return [change for before, after in pairs for change in changes_of(before, after)]


def changes_of(before: Row, after: Row) -> Sequence[Change]:
    """What changed in one row. Raises ServerError if it was not measured in both trees."""
    if failure := before.failure or after.failure:
        raise ServerError(f"{before.competitor.label}: {failure}")
    quantities: Mapping[str, Callable[[Turn], float]] = {
        f"CPU µs per call, {LEVEL} concurrent": lambda turn: _at(turn, LEVEL, "cpu"),
        "CPU µs per call, 1 concurrent": lambda turn: _at(turn, 1, "cpu"),
        "p50 in µs, 1 concurrent": lambda turn: _at(turn, 1, "p50") * 1e6,
        "peak MiB": lambda turn: turn.memory / 2**20,
    }
    found = []
    for quantity, value in quantities.items():
        values, others = ([value(turn) for turn in row.turns] for row in (after, before))
        interval = of_median([one / other for one, other in zip(values, others, strict=True)], _CONFIDENCE)
        medians = statistics.median(others), statistics.median(values)
        found.append(Change(before.competitor.label, quantity, *medians, interval))
    return found


def table(changes: Sequence[Change]) -> str:
    """In Markdown. Rows that moved come first."""
    order = {"worse": 0, "better": 1, "within noise": 2}
    lines = ["| row | quantity | before | after | after ÷ before | |", "| --- | --- | ---: | ---: | ---: | --- |"]
    for one in sorted(changes, key=lambda change: order[change.verdict]):
        lines.append(
            f"| {one.row} | {one.quantity} | {one.before:,.0f} | {one.after:,.0f} | "
            f"{one.interval.value:.3f} ({_bounds(one.interval)}) | {one.verdict} |"
        )
    return "\n".join(lines)


def _bounds(interval: Interval) -> str:
    known = math.isfinite(interval.low) and math.isfinite(interval.high)
    return f"{interval.low:.3f} to {interval.high:.3f}" if known else "too few rounds"


def any_is_worse(changes: Sequence[Change]) -> bool:
    """Whether a row needs more than before."""
    return any(change.verdict == "worse" for change in changes)


def _at(turn: Turn, level: int, name: str) -> float:
    value: float = next(attrgetter(name)(sample) for sample in turn.samples if sample.concurrency == level)
    return value


def _base_python() -> Path:
    """The interpreter from which the environment of this tree was made, so that both trees use the same."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def _git(*arguments: str) -> str:
    return _run(["git", "-C", str(tools.ROOT), *arguments])


def _run(command: Sequence[str]) -> str:
    """Output of a program. Its environment has no options of the `make` that runs the benchmark."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)  # also the programs that it has started
            raise
    if process.returncode:
        raise RevisionError(f"{' '.join(command)}: {(errors or output).strip()[-300:]}")
    return output.strip()
