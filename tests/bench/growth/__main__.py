"""How costs grow, with fitted exponents: `make growth`, or `make growth ARGS="--only policies --publish"`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from tests.bench import tools
from tests.bench.generators import LoadError
from tests.bench.growth import page
from tests.bench.growth.authorization import CALLERS, POLICIES
from tests.bench.growth.calls import CONCURRENCY, MESSAGE_SIZE
from tests.bench.growth.central import CENTRAL_STORE
from tests.bench.growth.certificates import CERTIFICATE_LISTS
from tests.bench.growth.curve import CPU_SECONDS, Costed, Curve, Experiment
from tests.bench.growth.journal import JOURNAL
from tests.bench.growth.providers import PROVIDERS
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.results import machine
from tests.bench.run import scratch

_QUICK_SECONDS: Final = 0.05
EXPERIMENTS: Final = {
    one.name: one
    for one in (CONCURRENCY, CERTIFICATE_LISTS, CALLERS, POLICIES, JOURNAL, MESSAGE_SIZE, PROVIDERS, CENTRAL_STORE)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure. Exit codes: 0 no curve grows faster than it has to, 1 one does or fails, 2 a program is missing."""
    given = _parser().parse_args(arguments)
    curves: list[Curve] = []
    try:
        with scratch() as folder:
            for name in given.only or EXPERIMENTS:
                one = EXPERIMENTS[name]
                found = one.run(folder / name, _sizes(one, given), partial(_say, name), _seconds(given))
                curves.append(replace(found, conditions=_conditions()))
                if given.publish:
                    page.publish(curves[-1:])
                print(f"{one.title}: {one.unit}, by {one.axis}\n\n{page.table(curves[-1])}\n", flush=True)
    except tools.MissingToolError as error:
        print(f"growth: {error}", file=sys.stderr)
        return 2
    except (ServerError, WrongAnswerError, LoadError) as error:
        print(f"growth: {error}", file=sys.stderr)
        return 1
    if given.quick:
        return 0
    return 1 if any(line.grows_too_fast for curve in curves for line in curve.lines) else 0


def _seconds(given: argparse.Namespace) -> float:
    return _QUICK_SECONDS if given.quick else CPU_SECONDS


def _sizes(one: Experiment, given: argparse.Namespace) -> Sequence[int]:
    if given.quick:
        return one.few
    return [size for size in one.sizes if given.largest is None or size <= given.largest]


def _say(name: str, size: int, costs: Costed) -> None:
    print(f"{name}, {size:,}: " + "; ".join(f"{label} {cost:,.4g}" for label, cost in costs.items()), file=sys.stderr)


def _conditions() -> str:
    where = machine()
    return (
        f"{where['processors']} processors ({where['processor']}), Python {where['python']}, commit {where['commit']}."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make growth", description="Measure how costs grow.")
    parser.add_argument("--only", nargs="+", choices=tuple(EXPERIMENTS), help="measure only these curves")
    parser.add_argument("--largest", type=int, help="measure no larger sizes, such as 1000000 for a faster run")
    parser.add_argument("--quick", action="store_true", help="two small sizes, to check that the measurement works")
    parser.add_argument("--publish", action="store_true", help="write figures, plots, and docs/growth.md")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
