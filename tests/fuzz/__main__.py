"""Run the fuzz targets for a given time. A failure prints the input and ends the run with exit code 1.

python -m tests.fuzz --minutes 60
"""

import argparse
import contextlib
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.gateway import FuzzedGateway, fuzzed_gateway
from tests.fuzz.targets import TARGETS, run
from tests.fuzz.wire_targets import WIRE_TARGETS, attempt

_EXAMPLES = 500
_MAXIMUM_GROWTH_KIB = 100 * 1024
_MAXIMUM_GATEWAY_GROWTH_KIB = 30 * 1024


def main() -> int | str:
    """Run all targets in turn until the time is over. Also fails if a process grows after the first round."""
    parser = argparse.ArgumentParser(description="Run the fuzz targets.")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration; default: 10")
    parser.add_argument("--only", nargs="+", choices=[*TARGETS, *WIRE_TARGETS], help="only these targets")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = options.only or [*TARGETS, *WIRE_TARGETS]
    with contextlib.ExitStack() as exits:
        is_on_wire = not WIRE_TARGETS.keys().isdisjoint(names)
        gateway = exits.enter_context(fuzzed_gateway()) if is_on_wire else None
        return _rounds(names, gateway, time.monotonic() + options.minutes * 60)


def _rounds(names: Sequence[str], gateway: FuzzedGateway | None, end: float) -> int | str:
    rounds, own, of_gateway = 0, [0], [0]
    while time.monotonic() < end:
        for name in names:
            _round(name, gateway)
        rounds += 1
        own.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        sizes = f"{own[-1] // 1024} MiB"
        if gateway is not None:
            gateway.check_journal()
            of_gateway.append(gateway.resident_kib)
            sizes += f", gateway {of_gateway[-1] // 1024} MiB"
        print(f"round {rounds}: {rounds * len(names) * _EXAMPLES} inputs, {sizes}", flush=True)
    for grown, maximum in ((_growth(own), _MAXIMUM_GROWTH_KIB), (_growth(of_gateway), _MAXIMUM_GATEWAY_GROWTH_KIB)):
        if grown > maximum:
            return f"a process grew by {grown // 1024} MiB"
    return 0


def _growth(sizes: Sequence[int]) -> int:
    """Return the growth after the first round. The size before the first round is 0."""
    return sizes[-1] - sizes[1] if len(sizes) > 1 else 0


def _round(name: str, gateway: FuzzedGateway | None) -> None:
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    if name in TARGETS:
        target = TARGETS[name]
        inputs, read = target.inputs, lambda value: run(target, value)
    else:
        assert gateway is not None
        wire, running = WIRE_TARGETS[name], gateway
        inputs, read = wire.inputs, lambda value: attempt(wire, running, value)

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(value=inputs)
    def try_one(value: object) -> None:
        read(value)

    try_one()


if __name__ == "__main__":
    sys.exit(main())
