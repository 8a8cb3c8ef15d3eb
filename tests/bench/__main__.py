"""Command line of the benchmark: `make bench ARGS="--only trust"`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench import plot, results, tables, tools
from tests.bench.line_up import SETS
from tests.bench.processes import leave_nothing_behind
from tests.bench.results import Rows
from tests.bench.run import Options, run

_PAGE: Final = tools.ROOT / "docs" / "performance.md"
_PICTURE: Final = tools.ROOT / "docs" / "performance.svg"
_BEGIN: Final = "<!-- figures: begin; written by `make bench ARGS=--publish` -->"
_END: Final = "<!-- figures: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write. Exit codes: 0 done, 1 something could not be measured, 2 wrong usage or a tool missing."""
    given = _parser().parse_args(arguments)
    options = Options(
        sets=given.only or tuple(SETS),
        only=frozenset(given.competitors),
        rounds=1 if given.quick else given.rounds,
        half_load=not given.quick,
        seconds=0.5 if given.quick else given.seconds,
        levels=(1, 64) if given.quick else tuple(given.levels),
        root=given.root.resolve(),
    )
    try:
        tools.find()
    except tools.MissingToolError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    sets = run(options)
    _write(sets, options, given.output)
    page = tables.page(sets, options.levels)
    print(tables.trust(sets["trust"]) if options.sets == ["trust"] else page)
    if not results.is_quiet(sets):
        busy = f"others kept {results.foreign(sets):.2f} processors busy"
        print(f"bench: {busy}: figures are too high, and differences between rows uncertain", file=sys.stderr)
    if given.publish:
        _publish(page, sets)
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


def _publish(page: str, sets: Mapping[str, Rows]) -> None:
    text = _PAGE.read_text()
    before, found, rest = text.partition(_BEGIN)
    _, closed, after = rest.partition(_END)
    if not (found and closed):
        raise ValueError(f"{_PAGE} has no place for the figures")
    _PAGE.write_text(f"{before}{_BEGIN}\n\n![CPU time of a call]({_PICTURE.name})\n\n{page}\n\n{_END}{after}")
    _PICTURE.write_text(plot.svg(sets))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="What a call costs.")
    add = parser.add_argument
    add("--only", nargs="+", choices=tuple(SETS), help="these sets instead of all")
    add("--competitors", nargs="+", default=[], metavar="NAME", help="these rows of a set instead of all")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=4.0, help="of each measurement")
    add("--levels", type=int, nargs="+", default=[1, 16, 64, 256], help="calls at once")
    add("--quick", action="store_true", help="one short round: whether it works, no figures to rely on")
    add("--publish", action="store_true", help="write the figures into docs/performance.md")
    add("--root", type=Path, default=tools.ROOT, help="another working tree, whose gateway is measured")
    add("--output", type=Path, default=tools.BUILD / "bench")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
