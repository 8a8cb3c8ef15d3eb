"""Run the fuzz targets for a given time. A failure prints the input and ends the run with exit code 1.

python -m tests.fuzz --minutes 60
"""

import argparse
import contextlib
import itertools
import resource
import signal
import sys
import time
import warnings
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings

from tests.fuzz.gateway import FuzzedGateway, fuzzed_gateway
from tests.fuzz.targets import TARGETS, run
from tests.fuzz.wire_targets import WIRE_TARGETS, run_on_wire

_EXAMPLES = 500
_SHORT_RUNS = 10
"""The inputs of a target on the wire in one round, in multiples of its short run."""
_MAXIMUM_GROWTH_KIB = 100 * 1024
_MAXIMUM_GATEWAY_GROWTH_KIB = 30 * 1024


def main() -> int | str:
    """Run all targets in turn until the time is over. Also fails if a process grows after the first round."""
    parser = argparse.ArgumentParser(description="Run the fuzz targets.")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration; default: 10")
    parser.add_argument("--only", nargs="+", choices=[*TARGETS, *WIRE_TARGETS], help="only these targets")
    options = parser.parse_args()
    # So that SIGTERM stops the gateway as well. Hypothesis would take SystemExit for a failure of the target.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warnings.simplefilter("ignore")
    names = options.only or [*TARGETS, *WIRE_TARGETS]
    with contextlib.ExitStack() as exits:
        is_on_wire = not WIRE_TARGETS.keys().isdisjoint(names)
        gateway = exits.enter_context(fuzzed_gateway()) if is_on_wire else None
        return _rounds(names, gateway, time.monotonic() + options.minutes * 60)


def _rounds(names: Sequence[str], gateway: FuzzedGateway | None, end: float) -> int | str:
    inputs, sizes, sizes_of_gateway = 0, list[int](), list[int]()
    for number in itertools.count(1):
        for name in names:
            if number > 1 and time.monotonic() > end:
                break
            inputs += _round(name, gateway)
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        sizes_of_gateway.append(gateway.resident_kib if gateway is not None else 0)
        printed = f"{sizes[-1] // 1024} MiB, gateway {sizes_of_gateway[-1] // 1024} MiB"
        print(f"round {number}: {inputs} inputs, {printed}", flush=True)
        if time.monotonic() > end:
            break
    if (grown := sizes[-1] - sizes[0]) > _MAXIMUM_GROWTH_KIB:
        return f"the process grew by {grown // 1024} MiB"
    if (grown := sizes_of_gateway[-1] - sizes_of_gateway[0]) > _MAXIMUM_GATEWAY_GROWTH_KIB:
        return f"the gateway grew by {grown // 1024} MiB"
    return 0


def _round(name: str, gateway: FuzzedGateway | None) -> int:
    """Run a target, and return the number of inputs."""
    if name in WIRE_TARGETS:
        assert gateway is not None
        examples = _SHORT_RUNS * WIRE_TARGETS[name].examples
        run_on_wire(WIRE_TARGETS[name], gateway, examples)
        return examples
    target = TARGETS[name]

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(value=target.inputs)
    def attempt(value: object) -> None:
        run(target, value)

    attempt()
    return _EXAMPLES


if __name__ == "__main__":
    sys.exit(main())
