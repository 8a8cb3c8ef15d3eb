"""The instruction budget: `make instructions` fails if a call needs more instructions than the committed figures allow.

The figures depend on the Python build and on the libraries, as the echo server's do. A build without figures of its own
is compared by its ratios to the echo, with a larger margin. A busy machine adds up to 4 % of instructions, because
gRPC's threads wake up more often. So a row above its limit is counted up to two more times, and the lowest count
decides.
"""

import argparse
import json
import platform
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.bench import tools
from tests.bench.competitors import Surroundings
from tests.bench.instructions import AT_ONCE, Instructions, count
from tests.bench.line_up import competitor
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings

_FIGURES: Final = Path(__file__).with_name("instruction_budget.json")
_MARGIN: Final = 0.03
_OTHER_BUILD_MARGIN: Final = 0.08
_REPETITIONS: Final = 2
_ECHO: Final = "echo"
_ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "bare": ("plaintext", "bare"),
    "everything": ("tls", "everything"),
    "cached": ("plaintext", "cached"),
    _ECHO: ("plaintext", "echo"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and compare them. Exit codes: 0 within the budget, 1 above it, 2 missing tool."""
    given = _parser().parse_args(arguments)
    try:
        return _compare(given.root.resolve(), accept=given.accept)
    except tools.MissingToolError as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 2
    except (ServerError, WrongAnswerError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1


def _compare(root: Path, *, accept: bool) -> int:
    measured = measure(root)
    figures = json.loads(_FIGURES.read_text())
    build = python_build()
    if accept:
        figures[build] = {name: round(one.median) for name, one in measured.items()}
        _FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    allowed = limits(figures, build, measured[_ECHO].median)
    over = [name for name, limit in allowed.items() if measured[name].median > limit]
    for _ in range(_REPETITIONS):
        again = measure(root, over) if over else {}
        measured = {**measured, **{name: lower(measured[name], one) for name, one in again.items()}}
        over = [name for name in over if measured[name].median > allowed[name]]
    print(f"Instructions per call, Python {build}:")
    for name, one in measured.items():
        limit = f", at most {allowed[name]:,.0f}" if name in allowed else ""
        print(f"  {name:<12}{one.median:>12,.0f}{limit}; spread {one.spread:.1%}; {one.per_second:,.0f} per second")
    for name in over:
        print(
            f"instructions: {name} exceeds its budget by {measured[name].median / allowed[name] - 1:.1%}",
            file=sys.stderr,
        )
    return 1 if over else 0


def measure(root: Path, rows: Iterable[str] = _ROWS) -> Mapping[str, Instructions]:
    """Count the instructions of each row. Two servers run at the same time."""

    def one(name: str, around: Surroundings, folder: Path) -> Instructions:
        return count(competitor(*_ROWS[name]), around, folder / name)

    with scratch() as folder, surroundings(folder, root) as around, ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(one, name, around, folder) for name in rows}
        return {name: future.result() for name, future in running.items()}


def lower(one: Instructions, other: Instructions) -> Instructions:
    """The one with the lower median."""
    return min(one, other, key=attrgetter("median"))


def limits(figures: Mapping[str, Mapping[str, int]], build: str, echo: float) -> Mapping[str, float]:
    """The highest allowed instructions per call of each row, for a build with this echo."""
    if build in figures:
        return {name: value * (1 + _MARGIN) for name, value in figures[build].items() if name != _ECHO}
    known = next(iter(figures.values()))
    scale = echo / known[_ECHO] * (1 + _OTHER_BUILD_MARGIN)
    return {name: value * scale for name, value in known.items() if name != _ECHO}


def python_build() -> str:
    """Version and kind of the Python build: profile-guided optimization changes the counts by a quarter."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    kind = "optimized" if "--enable-optimizations" in arguments else "not optimized"
    return f"{platform.python_version()}, {kind}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make instructions", description="Compare instructions per call with the budget."
    )
    add = parser.add_argument
    add("--accept", action="store_true", help="write the measured figures as the new budget of this Python build")
    add("--root", type=Path, default=tools.ROOT, help="measure the gateway of another working tree")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
