"""Run the fuzz targets for a given time. A failure prints the input and ends the run with exit code 1.

python -m tests.fuzz --minutes 60
"""

import argparse
import resource
import sys
import time
import warnings

from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS, run

_EXAMPLES = 500
_MAXIMUM_GROWTH_KIB = 100 * 1024


def main() -> int | str:
    """Run all targets in turn until the time is over. Also fails if the process grows after the first round."""
    parser = argparse.ArgumentParser(description="Run the fuzz targets.")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration; default: 10")
    parser.add_argument("--only", choices=TARGETS, help="only this target")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    end, rounds, first = time.monotonic() + options.minutes * 60, 0, 0
    names = [options.only] if options.only else list(TARGETS)
    while time.monotonic() < end:
        for name in names:
            _round(name)
        rounds += 1
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first = first or size
        print(f"round {rounds}: {rounds * len(names) * _EXAMPLES} inputs, {size // 1024} MiB", flush=True)
    return 0 if size - first <= _MAXIMUM_GROWTH_KIB else f"the process grew by {(size - first) // 1024} MiB"


def _round(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(value=target.inputs)
    def attempt(value: object) -> None:
        run(target, value)

    attempt()


if __name__ == "__main__":
    sys.exit(main())
