"""The soak test: many calls for a long time, with a failing upstream: `make soak ARGS="--minutes 10"`.

One gateway with everything on, at 70 % of its capacity. Most calls go to a working provider and must all succeed. The
others go to a provider whose failure changes every few seconds; their callers have deadlines, and some cancel. The test
then checks that each call ended with a status, that the gateway holds no more resources than before, and that its
journal verifies. It ends after the given number of minutes or calls.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from keyway.v1 import key_service_pb2 as keys
from tests.bench import tools
from tests.bench.callers import GIVEN_UP, Callers
from tests.bench.competitors import Surroundings
from tests.bench.failing_upstream import FailingUpstream, Health
from tests.bench.generators import Ghz
from tests.bench.material import APP_KEY, KEY, PLAINTEXT
from tests.bench.processes import leave_nothing_behind
from tests.bench.resource_usage import MemoryLog, ResourceUsage, settled
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target
from tests.bench.verdicts import Verdict, all_met, table
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
_GRPCS_THREADS: Final = 4
"""Allowed difference in threads: gRPC's pool grows with load and shrinks later."""
_WARM_UP: Final = 0.2
_STATUSES: Final = frozenset({code.name for code in grpc.StatusCode} | {GIVEN_UP})


@dataclass
class SoakResults:
    """Results. steady: calls to the working provider. ended: results of the others by code. late: calls that ended long
    after their deadline. memory: bytes after the warm-up and at the end.
    """

    steady: int
    offered: float
    lost: int
    late: int
    ended: Counter[str]
    before: ResourceUsage
    after: ResourceUsage
    memory: tuple[float, float]
    seconds: float


async def soak(around: Surroundings, folder: Path, minutes: float, calls: int | None) -> SoakResults:
    """When to stop: after a number of minutes, or of calls to the working provider."""
    counts_file = folder / "counts.json"
    async with FailingUpstream(around.material.encrypt_answer) as upstream:
        failing = {"id": _FAILING, "type": "nhn-secure-key-manager", "endpoint": upstream.url, "app_key": APP_KEY}
        with ExitStack() as stack:
            module = ("tests.bench.counted", counts_file, "gateway")
            server, target = stack.enter_context(gateway(around, folder, others=[failing], module=module))
            most = await _most(target)
            rate = most * _LOAD - _PACE["rate"]
            async with Callers(target, _request(), **_PACE):
                await asyncio.sleep(2)
            before = await settled(server.pid, counts_file)
            _say(f"{most:.0f} calls/s at most; now {rate:.0f}, and {_PACE['rate']:.0f} to the failing provider")
            began = time.monotonic()
            log = stack.enter_context(MemoryLog(server.pid))
            async with Callers(target, _request(), **_PACE) as callers:
                changing = asyncio.create_task(_change(upstream))
                steady = await _steady(target, rate, began + minutes * 60, calls)
                changing.cancel()
                await upstream.become(Health.HEALTHY)
            seconds = time.monotonic() - began
            memory = (_median(log, _WARM_UP, _WARM_UP + 0.2), _median(log, 0.8, 1.0))
            after = await settled(server.pid, counts_file)
            late = sum(one.seconds > _PACE["deadline"] + _LATE_SECONDS for one in callers.ended)
            ended = Counter(one.code for one in callers.ended)
            return SoakResults(steady, rate, callers.lost, late, ended, before, after, memory, seconds)


async def _most(target: Target) -> float:
    """The highest throughput with this generator, in calls per second."""
    load = await asyncio.to_thread(Ghz(tools.ghz()).run, target, _AT_ONCE, 4.0)
    return load.calls / load.seconds


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


def _median(log: MemoryLog, begin: float, end: float) -> float:
    return statistics.median(log.between(begin, end) or [float("nan")])


def _request() -> bytes:
    return keys.EncryptRequest(name=f"providers/{_FAILING}/keys/{KEY}", plaintext=PLAINTEXT).SerializeToString()


def verify(folder: Path) -> dict[str, Any]:
    """The report of `audit verify`."""
    command = (sys.executable, "-m", "gateway", "audit", "verify", "--json", str(folder / "journal"))
    done = subprocess.run(command, cwd=tools.ROOT, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def verdicts(found: SoakResults, journal: dict[str, Any]) -> Sequence[Verdict]:
    """Verdicts on the results."""
    chains = journal["chains"]
    outcomes, open_calls = sum(chain["outcomes"] for chain in chains), sum(len(chain["open"]) for chain in chains)
    answered = found.steady + found.ended["OK"]
    foreign = sum(count for code, count in found.ended.items() if code not in _STATUSES)
    statuses = ", ".join(f"{code} {count}" for code, count in found.ended.most_common())
    before, after = found.before, found.after
    pending = before.pending.total(), after.pending.total()
    return [
        Verdict(
            "calls that ended without a status",
            found.lost + foreign,
            0,
            remark=f"of {found.steady:,} to the working provider, all OK, and {found.ended.total():,}: {statuses}",
        ),
        Verdict("calls that ended more than a second after their deadline", found.late, 0),
        Verdict(
            "resident memory, after the warm-up and at the end: drift",
            (found.memory[1] / found.memory[0] - 1) * 100,
            5.0,
            "%",
            remark=f"{found.memory[0] / 2**20:.1f} and {found.memory[1] / 2**20:.1f} MiB; {found.seconds:.0f} s",
        ),
        Verdict(
            "files and connections not released", after.files - before.files, 0, remark=_both(before.files, after.files)
        ),
        Verdict(
            "tasks and futures not released",
            pending[1] - pending[0],
            0,
            remark=f"{_both(*pending)}; more of {dict(after.pending - before.pending)}",
        ),
        Verdict(
            "additional threads",
            after.threads - before.threads,
            _GRPCS_THREADS,
            remark=f"{_both(before.threads, after.threads)}; gRPC's own vary",
        ),
        Verdict(
            "journal: verification problems and calls without an outcome",
            (0 if journal["good"] else 1) + open_calls,
            0,
            remark=f"{sum(chain['records'] for chain in chains):,} records, {outcomes:,} outcomes",
        ),
        Verdict("journal: outcomes per answered call", outcomes / answered, 1.0, "×", at_least=True),
    ]


def _both(before: int, after: int) -> str:
    return f"{before} before, {after} after"


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
    parser.add_argument("--output", type=Path, default=tools.BUILD / "bench")
    given = parser.parse_args()
    minutes = given.minutes or (10.0 if given.calls is None else 60.0)
    with scratch() as folder, surroundings(folder) as around:
        (own := folder / "own").mkdir()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(soak(around, own, minutes, given.calls))
        judged = verdicts(found, verify(own))
    print(table(judged))
    given.output.mkdir(parents=True, exist_ok=True)
    document = {"seconds": found.seconds, "calls": found.steady, "verdicts": [one.as_json() for one in judged]}
    (given.output / "soak.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all_met(judged) else 1


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
