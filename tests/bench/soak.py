"""The soak test: many calls for a long time, with a failing upstream: `make soak ARGS="--minutes 10"`.

One gateway with two workers and everything on, at 70 % of its capacity. Most calls go to a working provider and must
all succeed. The others go to a provider whose failure changes every few seconds; their callers have deadlines, and
some cancel. The test then checks that each call ended with a status, that no process of the gateway holds more
resources than before, and that its journal verifies. It ends after the given number of minutes or calls.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import cycle
from pathlib import Path
from typing import Final

import uvloop

from keyway.v1 import key_service_pb2 as keys
from tests.bench import tools
from tests.bench.callers import Callers
from tests.bench.competitors import Surroundings
from tests.bench.failing_upstream import FailingUpstream, Health
from tests.bench.gateway_settings import EVERYTHING
from tests.bench.generators import Ghz
from tests.bench.material import APP_KEY, KEY, PLAINTEXT
from tests.bench.page import publish
from tests.bench.processes import leave_nothing_behind
from tests.bench.resource_usage import MemoryLog, settled
from tests.bench.run import scratch, surroundings
from tests.bench.soak_report import Memory, SoakResults, verdicts, verify
from tests.bench.tables import about
from tests.bench.target import Target
from tests.bench.verdicts import all_met, table
from tests.bench.whole_gateway import gateway

_FAILING: Final = "failing"
_HEALTH_SEQUENCE: Final = (
    Health.HEALTHY,
    Health.HANGING,
    Health.HEALTHY,
    Health.RESETTING,
    Health.HEALTHY,
    Health.OVERLOADED,
    Health.HEALTHY,
    Health.REFUSING,
)
_CHANGE_SECONDS: Final = 5.0
_AT_ONCE: Final = 64
_LOAD: Final = 0.7
_PORTION_SECONDS: Final = 20.0
"""The generator stores all calls until it ends, so it is restarted regularly."""
_PACE: Final = {"rate": 40.0, "deadline": 1.5, "given_up": 0.1}
_LATE_SECONDS: Final = 1.0
_WARM_UP: Final = 0.2
_MOST_SECONDS: Final = 20.0
_PROGRESS_SECONDS: Final = 300.0


async def soak(around: Surroundings, folder: Path, minutes: float, calls: int | None, workers: int) -> SoakResults:
    """When to stop: after a number of minutes, or of calls to the working provider."""
    (counts := folder / "counts").mkdir()
    async with FailingUpstream(around.material.encrypt_answer) as upstream:
        failing = {"id": _FAILING, "type": "nhn-secure-key-manager", "endpoint": upstream.url, "app_key": APP_KEY}
        with ExitStack() as stack:
            module = ("tests.bench.counted", counts, "gateway")
            parts = replace(EVERYTHING, workers=workers, query=True)
            server, target = stack.enter_context(
                gateway(around, folder, others=[failing], module=module, everything=parts)
            )
            most = await _most(target)
            rate = most * _LOAD - _PACE["rate"]
            async with Callers(target, _request(), **_PACE):
                await asyncio.sleep(2)
            before = await settled(server.pid, counts)
            _say(f"{most:.0f} calls/s at most; now {rate:.0f}, and {_PACE['rate']:.0f} to the failing provider")
            began = time.monotonic()
            log = stack.enter_context(MemoryLog(tuple(before)))
            async with Callers(target, _request(), **_PACE) as callers:
                running = [asyncio.create_task(_change(upstream)), asyncio.create_task(_report(log, callers))]
                steady = await _steady(target, rate, began + minutes * 60, calls)
                for task in running:
                    task.cancel()
                await upstream.become(Health.HEALTHY)
            seconds = time.monotonic() - began
            memory = {pid: _memory(log, pid, usage.name) for pid, usage in before.items()}
            after = await settled(server.pid, counts)
            late = sum(one.seconds > _PACE["deadline"] + _LATE_SECONDS for one in callers.ended)
            ended = Counter(one.code for one in callers.ended)
            return SoakResults(steady, most, callers.lost, late, ended, before, after, memory, seconds)


async def _most(target: Target) -> float:
    """The highest throughput of three measurements with this generator, in calls per second."""
    program = Ghz(tools.ghz())
    loads = [await asyncio.to_thread(program.run, target, _AT_ONCE, _MOST_SECONDS) for _ in range(3)]
    return max(load.calls / load.seconds for load in loads)


async def _report(log: MemoryLog, callers: Callers) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        sizes = ", ".join(f"{samples[-1][1] / 2**20:.1f}" for samples in log.samples.values() if samples)
        _say(f"{len(callers.ended)} calls to the failing provider ended; resident MiB by process: {sizes}")


def _memory(log: MemoryLog, pid: int, name: str) -> Memory:
    early, late = log.median(pid, _WARM_UP, _WARM_UP + 0.2), log.median(pid, 0.8, 1.0)
    return Memory(name, early, late, log.curve(pid))


async def _change(upstream: FailingUpstream) -> None:
    for health in cycle(_HEALTH_SEQUENCE):
        await upstream.become(health)
        await asyncio.sleep(_CHANGE_SECONDS)


async def _steady(target: Target, rate: float, end: float, calls: int | None) -> int:
    """Number of successful calls. Raises LoadError if any call fails."""
    made, program = 0, Ghz(tools.ghz())
    while (left := end - time.monotonic()) > 1 and (calls is None or made < calls):
        load = await asyncio.to_thread(program.run, target, _AT_ONCE, min(left, _PORTION_SECONDS), rate)
        made += load.calls
    return made


def _request() -> bytes:
    return keys.EncryptRequest(name=f"providers/{_FAILING}/keys/{KEY}", plaintext=PLAINTEXT).SerializeToString()


def _say(text: str) -> None:
    print(f"soak: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the soak test. The exit code is 1 if a verdict is not met."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, help="default 10; with --calls, at most 60")
    parser.add_argument(
        "--calls",
        type=int,
        help="stop after this number of calls, for example to check that memory stays constant over a million calls",
    )
    parser.add_argument("--workers", type=int, default=2, help="default 2")
    parser.add_argument("--publish", action="store_true", help="write the results into docs/performance.md")
    parser.add_argument("--output", type=Path, default=tools.BUILD / "bench")
    given = parser.parse_args()
    minutes = given.minutes or (10.0 if given.calls is None else 60.0)
    with scratch() as folder, surroundings(folder) as around:
        (own := folder / "own").mkdir()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(soak(around, own, minutes, given.calls, given.workers))
        judged = verdicts(found, verify(own))
    content = f"{about({})}\n\n{table(judged)}"
    print(content)
    if given.publish:
        publish("soak", content)
    given.output.mkdir(parents=True, exist_ok=True)
    document = {
        "seconds": found.seconds,
        "calls": found.steady,
        "verdicts": [one.as_json() for one in judged],
        "memory": [asdict(one) for one in found.memory.values()],
        "before": [asdict(one) for one in found.before.values()],
        "after": [asdict(one) for one in found.after.values()],
    }
    (given.output / "soak.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all_met(judged) else 1


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
