"""Run all simulations, print the figures with their bounds, and draw the plot."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.authz.settings import CallerLimits, LimitSettings
from tests.bench import tools
from tests.bench.fleet.findings import find, verdicts
from tests.bench.fleet.plot import svg
from tests.bench.fleet.simulation import UNPROTECTED, Plan, simulate
from tests.bench.fleet.upstream import Condition
from tests.bench.verdicts import all_met, table

_FAILURES: Final = (Condition.REFUSING, Condition.HANGING, Condition.OVERLOADED)
_LIMITS: Final = LimitSettings(caller=CallerLimits(rate=5, burst=10))
"""Twice the usual rate of a caller."""


def main() -> int:
    """Run the simulations. The exit code is 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--gateways", type=int, default=200)
    parser.add_argument("--rate", type=float, default=10.0, help="calls per second to each gateway")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=tools.BUILD / "bench" / "fleet.svg")
    given = parser.parse_args()
    plan = Plan(Condition.REFUSING, given.gateways, given.rate, seed=given.seed)
    plans = [replace(plan, failure=failure) for failure in _FAILURES]
    plans.append(replace(plan, impatient=0.5, limits=_LIMITS))
    recordings = [simulate(plan) for plan in plans]
    found = [verdict for recording in recordings for verdict in verdicts(recording)]
    print(table(found))
    bare = simulate(replace(plan, settings=UNPROTECTED))
    print(f"\nfor comparison, without circuit breaker, bulkhead, and retry budget: {find(bare)}")
    given.plot.parent.mkdir(parents=True, exist_ok=True)
    given.plot.write_text(svg([*recordings, bare]), encoding="utf-8")
    return 0 if all_met(found) else 1


if __name__ == "__main__":
    sys.exit(main())
