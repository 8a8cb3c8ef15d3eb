"""Command line of the benchmark: `make bench ARGS="--only trust"`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.bench import compare, page, plot, results, tables, tools
from tests.bench.line_up import SETS
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.results import Rows
from tests.bench.run import Options, run, scratch, surroundings
from tests.bench.targets.run import GROUPS, Effort, measure
from tests.bench.verdicts import all_met, table

_QUICK_SECONDS: Final = 0.5
_QUICK_CONNECTIONS: Final = 500
_ROUNDS: Final = 5
_TARGET_ROUNDS: Final = 9
_COMPARE_ROUNDS: Final = 12
"""With these numbers, an interval ignores one outlier on each side. Comparisons have a higher confidence."""
_PICTURE: Final = page.PAGE.with_suffix(".svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write results. Exit codes: 0 success, 1 failed measurement, 2 wrong usage or missing tool."""
    given = _parser().parse_args(arguments)
    if given.compare is not None:
        return _compare(given)
    if given.targets:
        return _targets(given)
    options = Options(
        sets=given.only or tuple(SETS),
        only=frozenset(given.competitors),
        rounds=1 if given.quick else given.rounds or _ROUNDS,
        half_load=not given.quick,
        seconds=_seconds(given, 4.0),
        levels=(1, 64) if given.quick else tuple(given.levels),
        root=given.root.resolve(),
    )
    if _something_is_missing():
        return 2
    sets = run(options)
    _write(sets, options, given.output)
    content = tables.page(sets, options.levels)
    print(tables.trust(sets["trust"]) if options.sets == ["trust"] else content)
    _say_whether_quiet(sets)
    if given.publish:
        page.publish("figures", f"![CPU time of a call]({_PICTURE.name})\n\n{content}")
        _PICTURE.write_text(plot.svg(sets))
    return 1 if any(row.failure for rows in sets.values() for row in rows.values()) else 0


def _write(sets: Mapping[str, Rows], options: Options, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "levels": list(options.levels),
        "gateway": str(options.root),
    }
    results.write(folder / "bench.json", sets, settings)
    (folder / "bench.svg").write_text(plot.svg(sets))
    print(f"bench: written to {folder}/bench.json and bench.svg", file=sys.stderr)


def _targets(given: argparse.Namespace) -> int:
    """The same for `--targets`. The exit code is also 1 if a target is not met or not decided."""
    if _something_is_missing():
        return 2
    effort = Effort(given.rounds or _TARGET_ROUNDS, _seconds(given, 3.0))
    if given.quick:
        effort = Effort(1, _QUICK_SECONDS, processes=1, connections=_QUICK_CONNECTIONS)
    with scratch() as folder, surroundings(folder, given.root.resolve()) as around:
        found = measure(around, folder, effort, given.groups)
    sets = {"targets": found.rows}
    verdicts = found.verdicts
    given.output.mkdir(parents=True, exist_ok=True)
    settings = {**asdict(effort), "gateway": str(given.root)}
    as_json = [verdict.as_json() for verdict in verdicts]
    results.write(given.output / "targets.json", sets, settings, verdicts=as_json)
    print(f"bench: written to {given.output}/targets.json", file=sys.stderr)
    parts = [tables.about(sets), table(verdicts)]
    if found.rows:
        parts += ["The rows that these targets compare, as medians over all rounds:", tables.by_level(found.rows)]
    content = "\n\n".join(parts)
    print(content)
    _say_whether_quiet(sets)
    if given.publish:
        page.publish("targets", content)
    return 0 if all_met(verdicts) else 1


def _compare(given: argparse.Namespace) -> int:
    """The same for `--compare`. The exit code is also 1 if a row needs more than in the other revision."""
    if _something_is_missing():
        return 2
    rounds, processes = (1, 1) if given.quick else (given.rounds or _COMPARE_ROUNDS, 2)
    try:
        with compare.revision(given.compare) as before, scratch() as folder, surroundings(folder) as around:
            both = compare.trees(around, before)
            changes = compare.measure(both, folder / "compare", rounds, _seconds(given, 3.0), processes)
    except compare.RevisionError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except (ServerError, WrongAnswerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(compare.table(changes))
    return 1 if compare.any_is_worse(changes) else 0


def _seconds(given: argparse.Namespace, usual: float) -> float:
    return _QUICK_SECONDS if given.quick else given.seconds or usual


def _something_is_missing() -> bool:
    try:
        tools.find()
    except tools.MissingToolError as error:
        print(f"bench: {error}", file=sys.stderr)
        return True
    return False


def _say_whether_quiet(sets: Mapping[str, Rows]) -> None:
    if not results.is_quiet(sets):
        busy = f"other processes used {results.foreign(sets):.2f} processors"
        print(f"bench: {busy}: figures are too high, and differences between rows uncertain", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the cost of a call.")
    add = parser.add_argument
    add("--only", nargs="+", choices=tuple(SETS), help="measure only these sets")
    add("--competitors", nargs="+", default=[], metavar="NAME", help="measure only these rows of a set")
    add(
        "--rounds",
        type=int,
        help=f"default {_ROUNDS}, {_TARGET_ROUNDS} with --targets, {_COMPARE_ROUNDS} with --compare",
    )
    add("--seconds", type=float, help="seconds per measurement; default 4, or 3 with --targets")
    add("--levels", type=int, nargs="+", default=[1, 16, 64, 256], help="numbers of concurrent calls")
    add("--targets", action="store_true", help="compare measured values with the targets")
    add("--groups", nargs="+", choices=GROUPS, default=[], help="with --targets: measure only these groups")
    add("--compare", metavar="REV", help="compare this tree with a revision: which rows moved beyond noise")
    add(
        "--quick",
        action="store_true",
        help="one short round to check that the benchmark works; the figures are not reliable",
    )
    add("--publish", action="store_true", help="write the figures into docs/performance.md")
    add("--root", type=Path, default=tools.ROOT, help="measure the gateway of another working tree")
    add("--output", type=Path, default=tools.BUILD / "bench")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
