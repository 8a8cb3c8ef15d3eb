"""The instruction budget: `make instructions` fails if a call needs more instructions than the budget allows.

A budget is a ratio to the echo server, which is counted in the same run. The ratio depends less on the machine than the
count: the version of Python, its build, the libraries, and the load change both sides. The committed figures belong to
one build of Python; other builds have a larger margin. A row above its limit is counted again, together with the echo,
and the lowest ratio decides.
"""

import argparse
import json
import math
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.bench import tools
from tests.bench.competitors import Surroundings
from tests.bench.instructions import AT_ONCE, Instructions, Plan, count
from tests.bench.line_up import competitor
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings

_FIGURES: Final = Path(__file__).with_name("instruction_budget.json")
_MARGIN: Final = 0.03
_OTHER_BUILD_MARGIN: Final = 0.08
_REQUIRE_ALL: Final = "KEYWAY_TESTS_REQUIRE_ALL"
_REPETITIONS: Final = 2
_MAXIMUM_SPREAD: Final = 0.06
_PLAN: Final = Plan(warm_up=100, calls=200, slow_calls=30)
_ECHO: Final = "echo"
_ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "bare": ("plaintext", "bare"),
    "everything": ("tls", "everything"),
    "cached": ("plaintext", "cached"),
    _ECHO: ("plaintext", "echo"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and compare them. Exit codes: 0 within the budget or skipped, 1 above it, 2 missing tool.

    Without a tool, the comparison is skipped, unless KEYWAY_TESTS_REQUIRE_ALL is set.
    """
    given = _parser().parse_args(arguments)
    try:
        return _compare(given.root.resolve(), accept=given.accept)
    except tools.MissingToolError as error:
        required = bool(os.environ.get(_REQUIRE_ALL))
        print(f"instructions: {'' if required else 'skipped: '}{error}", file=sys.stderr)
        return 2 if required else 0
    except (ServerError, WrongAnswerError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1


def _compare(root: Path, *, accept: bool) -> int:
    for find in (tools.nginx, tools.valgrind, tools.callgrind_control):
        find()
    build, figures = python_build(), json.loads(_FIGURES.read_text())
    measured = measure(root)
    if accept:
        if unusable := [name for name, one in measured.items() if not is_usable(one)]:
            what = ", ".join(unusable)
            print(f"instructions: not accepted, because the counts do not agree: {what}", file=sys.stderr)
            return 1
        figures[build] = {name: round(one.median) for name, one in measured.items()}
        _FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    allowed = limits(figures, build)
    print(f"Instructions per call, Python {build}:")
    _print(measured, allowed)
    found = ratios(measured)
    for _ in range(_REPETITIONS):
        again = [name for name in allowed if found.get(name, math.inf) > allowed[name]]
        if not again:
            break
        print(f"Counted again: {', '.join(again)}", flush=True)
        measured = measure(root, (*again, _ECHO))
        _print(measured, allowed)
        found = lowest(found, ratios(measured))
    return _verdict(found, allowed)


def _print(measured: Mapping[str, Instructions], allowed: Mapping[str, float]) -> None:
    echo = measured[_ECHO].median
    for name, one in measured.items():
        limit = f"; {one.median / echo:.3f} of the echo, at most {allowed[name]:.3f}" if name in allowed else ""
        print(f"  {name:<12}{one.median:>12,.0f}{limit}; spread {one.spread:.1%}; {one.per_second:,.0f} per second")


def _verdict(found: Mapping[str, float], allowed: Mapping[str, float]) -> int:
    for name, limit in allowed.items():
        if name not in found:
            print(f"instructions: {name} is not decided: the machine is too busy to count it", file=sys.stderr)
        elif found[name] > limit:
            excess = found[name] / limit - 1
            print(
                f"instructions: {name} is {found[name]:.3f} of the echo, {excess:.1%} above its limit", file=sys.stderr
            )
    return 1 if any(found.get(name, 0.0) > limit for name, limit in allowed.items()) else 0


def measure(root: Path, rows: Iterable[str] = _ROWS) -> Mapping[str, Instructions]:
    """Count the instructions of each row. Two servers run at the same time."""

    def one(name: str, around: Surroundings, folder: Path) -> Instructions:
        return count(competitor(*_ROWS[name]), around, folder / name, _PLAN)

    with scratch() as folder, surroundings(folder, root) as around, ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(one, name, around, folder) for name in rows}
        return {name: future.result() for name, future in running.items()}


def ratios(measured: Mapping[str, Instructions]) -> Mapping[str, float]:
    """The instructions of each row, in units of the echo of the same run; without rows whose counts are unusable."""
    echo = measured[_ECHO]
    usable = {name: one for name, one in measured.items() if is_usable(one) and is_usable(echo)}
    return {name: one.median / echo.median for name, one in usable.items() if name != _ECHO}


def is_usable(one: Instructions) -> bool:
    """Whether the measurements agree. On a very busy machine, a call takes so long that work per second prevails."""
    return min(one.per_call) > 0 and one.spread <= _MAXIMUM_SPREAD


def lowest(one: Mapping[str, float], other: Mapping[str, float]) -> Mapping[str, float]:
    """The lower ratio of each row, of those that have it."""
    return {name: min(found[name] for found in (one, other) if name in found) for name in {**one, **other}}


def limits(figures: Mapping[str, Mapping[str, int]], build: str) -> Mapping[str, float]:
    """The highest allowed ratio of each row to the echo, for a build of Python."""
    known = figures.get(build) or next(iter(figures.values()))
    margin = _MARGIN if build in figures else _OTHER_BUILD_MARGIN
    return {name: value / known[_ECHO] * (1 + margin) for name, value in known.items() if name != _ECHO}


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
