"""The effect of one failing provider on the callers of two other providers, and on its own callers.

`python -m tests.bench.dead_provider`. One gateway with everything on. Two providers respond all the time. The third
fails and recovers repeatedly: once it refuses connections, once it accepts requests without responding. Its callers
continue all the time.
"""

import argparse
import asyncio
import math
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import uvloop

from gateway.upstream.settings import BreakerSettings
from keyway.v1 import key_service_pb2 as keys
from tests.bench import tools
from tests.bench.callers import Callers
from tests.bench.competitors import Surroundings
from tests.bench.failing_upstream import FailingUpstream, Health
from tests.bench.generators import Ghz, percentile
from tests.bench.intervals import of_median
from tests.bench.material import APP_KEY, KEY, PLAINTEXT, PROVIDER
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target
from tests.bench.verdicts import Verdict, all_met, table
from tests.bench.whole_gateway import gateway

_SECOND, _FAILING = "second", "failing"
_FAILURES: Final = (Health.REFUSING, Health.HANGING)
_OTHERS_RATE: Final = 200.0
"""Calls per second to each of the other two: far below capacity, so that the tail is not queueing time."""
_OTHERS_AT_ONCE: Final = 16
_FAILING_RATE: Final = 40.0
_FAILING_DEADLINE: Final = 2.0
_FAILS_AFTER_SECONDS: Final = 0.5
_OPENS_AFTER_SECONDS: Final = BreakerSettings().window / 2 + _FAILING_DEADLINE + 1
"""The latest moment at which the breaker opens: half of the requests in its window have failed."""
_INTERVAL: Final = BreakerSettings().interval
_OPEN: Final = "PROVIDER_CIRCUIT_OPEN"


@dataclass
class Findings:
    """Results for one kind of failure, one value or list per round, in seconds.

    alone, beside: calls to the other two, while the third worked and while it failed. opened: until the breaker
    answered the first caller. answers: durations of these answers. recovered: from recovery to the first success.
    """

    alone: list[Sequence[float]] = field(default_factory=list)
    beside: list[Sequence[float]] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    answers: list[Sequence[float]] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)


def measure(around: Surroundings, folder: Path, *, rounds: int, seconds: float) -> Sequence[Verdict]:
    """Run all rounds. seconds: duration of each measurement, with all three working and with the breaker open."""
    folder.mkdir()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        findings = runner.run(_rounds(around, folder, rounds, seconds))
    return [verdict for failure, found in findings.items() for verdict in _verdicts(failure, found)]


async def _rounds(around: Surroundings, folder: Path, rounds: int, seconds: float) -> dict[Health, Findings]:
    findings = {failure: Findings() for failure in _FAILURES}
    async with FailingUpstream(around.material.encrypt_answer) as upstream:
        others = [_provider(_SECOND, around.upstream.url(tls=False)), _provider(_FAILING, upstream.url)]
        with ExitStack() as stack:
            # Starting and stopping takes seconds in which the failing upstream is idle.
            _, target = stack.enter_context(gateway(around, folder, others=others))
            targets = [replace(target, body=_request(name)) for name in (PROVIDER, _SECOND)]
            pace = {"rate": _FAILING_RATE, "deadline": _FAILING_DEADLINE}
            async with Callers(target, _request(_FAILING), **pace) as callers:
                await _load(targets, 1.0)
                for _ in range(rounds):
                    for failure, found in findings.items():
                        found.alone.append(await _load(targets, seconds))
                        loading = asyncio.create_task(_load(targets, _OPENS_AFTER_SECONDS + seconds))
                        await asyncio.sleep(_FAILS_AFTER_SECONDS)
                        await _fail_and_recover(failure, found, upstream, callers, loading)
    return findings


async def _fail_and_recover(
    failure: Health, found: Findings, upstream: FailingUpstream, callers: Callers, loading: Awaitable[list[float]]
) -> None:
    failed = time.monotonic()
    await upstream.become(failure)
    found.beside.append(await loading)
    answered = [one for one in callers.since(failed) if one.reason == _OPEN]
    if not answered:
        raise ServerError("the circuit breaker did not open")
    found.opened.append(min(one.began + one.seconds for one in answered) - failed)
    found.answers.append([one.seconds for one in answered])
    await upstream.become(Health.HEALTHY)
    back = time.monotonic()
    found.recovered.append(await _first_success(callers, back) - back)


async def _first_success(callers: Callers, moment: float) -> float:
    """End time. Calls in progress when the upstream recovered can succeed, so only later calls count."""
    while time.monotonic() < moment + 4 * _INTERVAL:
        if good := [one.began + one.seconds for one in callers.since(moment) if one.code == "OK"]:
            return min(good)
        await asyncio.sleep(0.05)
    return math.inf


async def _load(targets: Sequence[Target], seconds: float) -> list[float]:
    """Duration of each call. Raises LoadError if any call failed."""
    loop, program = asyncio.get_running_loop(), Ghz(tools.ghz())
    run: Callable[[Target], Any] = lambda target: program.run(target, _OTHERS_AT_ONCE, seconds, _OTHERS_RATE)  # noqa: E731
    with ThreadPoolExecutor(len(targets)) as pool:
        loads = await asyncio.gather(*(loop.run_in_executor(pool, run, target) for target in targets))
    return [duration for load in loads for duration in load.durations]


def _verdicts(failure: Health, found: Findings) -> Sequence[Verdict]:
    before, during, answered = (_p99s(each) for each in (found.alone, found.beside, found.answers))
    counts = [sum(map(len, each)) for each in (found.beside, found.alone, found.answers)]
    opened = statistics.median(found.opened)
    return [
        Verdict.of(
            f"{failure.value} provider: p99 of calls to the other two ÷ p99 while all three work",
            of_median([one / other for one, other in zip(during, before, strict=True)]),
            1.2,
            "×",
            remark=f"{statistics.median(during):.2f} and {statistics.median(before):.2f} ms; "
            f"{counts[0]} and {counts[1]} calls",
        ),
        Verdict.of(
            f"{failure.value} provider: p99 of calls to it while the breaker is open",
            of_median(answered),
            10.0,
            "ms",
            remark=f"{counts[2]} calls; breaker opened after {opened:.2f} s",
        ),
        Verdict(
            f"{failure.value} provider: recovery time (limit: one breaker interval and the next call)",
            max(found.recovered),
            _INTERVAL + 2 / _FAILING_RATE,
            "s",
            remark=f"maximum of {len(found.recovered)} runs",
        ),
    ]


def _p99s(rounds: Sequence[Sequence[float]]) -> Sequence[float]:
    """Milliseconds of each round."""
    return [percentile(sorted(durations), 0.99) * 1e3 for durations in rounds]


def _provider(name: str, endpoint: str) -> dict[str, Any]:
    return {"id": name, "type": "nhn-secure-key-manager", "endpoint": endpoint, "app_key": APP_KEY}


def _request(provider: str) -> bytes:
    return keys.EncryptRequest(name=f"providers/{provider}/keys/{KEY}", plaintext=PLAINTEXT).SerializeToString()


def main() -> int:
    """Run the measurement. The exit code is 1 if a target is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    with scratch() as folder, surroundings(folder) as around:
        verdicts = measure(around, folder / "dead", rounds=given.rounds, seconds=given.seconds)
    print(table(verdicts))
    return 0 if all_met(verdicts) else 1


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
