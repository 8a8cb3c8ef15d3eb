"""What one dead provider of three costs the callers of the other two, and its own.

`python -m tests.bench.dead_provider`. One gateway with everything on. Two providers answer all the time; the third is
well, dies, and comes back, again and again: once so that nobody listens, once so that it says nothing. Its callers go
on all the time.
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
from tests.bench.generators import Ghz, percentile
from tests.bench.material import APP_KEY, KEY, PLAINTEXT, PROVIDER
from tests.bench.mortal import Health, MortalUpstream
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target
from tests.bench.verdicts import Verdict, table
from tests.bench.whole_gateway import gateway

_SECOND, _MORTAL = "second", "mortal"
_DEATHS: Final = (Health.REFUSING, Health.HANGING)
_OTHERS_RATE: Final = 200.0
"""Calls a second to each of the other two: far from what the gateway can do, so that the tail is not its queue."""
_OTHERS_AT_ONCE: Final = 16
_MORTALS_RATE: Final = 40.0
_MORTALS_DEADLINE: Final = 2.0
_DIES_AFTER_SECONDS: Final = 0.5
_OPENS_AFTER_SECONDS: Final = BreakerSettings().window / 2 + _MORTALS_DEADLINE + 1
"""At the latest: where half of the requests of its window have failed, and those before all went well."""
_INTERVAL: Final = BreakerSettings().interval
_OPEN: Final = "PROVIDER_CIRCUIT_OPEN"


@dataclass
class Findings:
    """Of one kind of death, over all rounds; seconds. alone, beside: calls to the other two, while the third was well
    and while it died. opened: until the first of its callers was answered by the breaker; answers: those answers.
    recovered: from its return to the first call that went well.
    """

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)


def measure(around: Surroundings, folder: Path, *, rounds: int, seconds: float) -> Sequence[Verdict]:
    """All rounds. seconds: for each measurement with all three well, and as long with the dead one's breaker open."""
    folder.mkdir()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        findings = runner.run(_rounds(around, folder, rounds, seconds))
    return [verdict for death, found in findings.items() for verdict in _verdicts(death, found)]


async def _rounds(around: Surroundings, folder: Path, rounds: int, seconds: float) -> dict[Health, Findings]:
    findings = {death: Findings() for death in _DEATHS}
    async with MortalUpstream(around.material.encrypt_answer) as mortal:
        others = [_provider(_SECOND, around.upstream.url(tls=False)), _provider(_MORTAL, mortal.url)]
        with ExitStack() as stack:
            # It takes seconds to start and to end, in which the mortal upstream has nothing to do.
            _, target = stack.enter_context(gateway(around, folder, others=others))
            targets = [replace(target, body=_request(name)) for name in (PROVIDER, _SECOND)]
            pace = {"rate": _MORTALS_RATE, "deadline": _MORTALS_DEADLINE}
            async with Callers(target, _request(_MORTAL), **pace) as callers:
                await _load(targets, 1.0)
                for _ in range(rounds):
                    for death, found in findings.items():
                        found.alone += await _load(targets, seconds)
                        loading = asyncio.create_task(_load(targets, _OPENS_AFTER_SECONDS + seconds))
                        await asyncio.sleep(_DIES_AFTER_SECONDS)
                        await _die_and_return(death, found, mortal, callers, loading)
    return findings


async def _die_and_return(
    death: Health, found: Findings, mortal: MortalUpstream, callers: Callers, loading: Awaitable[list[float]]
) -> None:
    died = time.monotonic()
    await mortal.become(death)
    found.beside += await loading
    answered = [one for one in callers.since(died) if one.reason == _OPEN]
    if not answered:
        raise ServerError("the breaker did not open")
    found.opened.append(min(one.began + one.seconds for one in answered) - died)
    found.answers += [one.seconds for one in answered]
    await mortal.become(Health.WELL)
    back = time.monotonic()
    found.recovered.append(await _first_success(callers, back) - back)


async def _first_success(callers: Callers, moment: float) -> float:
    """When it ended; those under way when the upstream came back may be lucky, so that only later ones count."""
    while time.monotonic() < moment + 4 * _INTERVAL:
        if good := [one.began + one.seconds for one in callers.since(moment) if one.code == "OK"]:
            return min(good)
        await asyncio.sleep(0.05)
    return math.inf


async def _load(targets: Sequence[Target], seconds: float) -> list[float]:
    """What each call took; any that failed raises LoadError."""
    loop, program = asyncio.get_running_loop(), Ghz(tools.ghz())
    run: Callable[[Target], Any] = lambda target: program.run(target, _OTHERS_AT_ONCE, seconds, _OTHERS_RATE)  # noqa: E731
    with ThreadPoolExecutor(len(targets)) as pool:
        loads = await asyncio.gather(*(loop.run_in_executor(pool, run, target) for target in targets))
    return [duration for load in loads for duration in load.durations]


def _verdicts(death: Health, found: Findings) -> Sequence[Verdict]:
    alone, beside, answers = (sorted(each) for each in (found.alone, found.beside, found.answers))
    before, during = percentile(alone, 0.99) * 1e3, percentile(beside, 0.99) * 1e3
    opened = statistics.median(found.opened)
    return [
        Verdict(
            f"one provider of three {death.value}: p99 of calls to the others, beside that with it well",
            during / before,
            1.2,
            "×",
            remark=f"{before:.2f} ms, {during:.2f} ms, of {len(alone)} and {len(beside)} calls",
        ),
        Verdict(
            f"{death.value}: p99 of its own callers' answers, breaker open",
            percentile(answers, 0.99) * 1e3,
            10.0,
            "ms",
            remark=f"p50 {percentile(answers, 0.5) * 1e3:.2f} ms of {len(answers)}; open after {opened:.2f} s",
        ),
        Verdict(
            f"{death.value}: recovery, one interval of the breaker and the next call",
            max(found.recovered),
            _INTERVAL + 2 / _MORTALS_RATE,
            "s",
            remark=f"the longest of {len(found.recovered)}",
        ),
    ]


def _provider(name: str, endpoint: str) -> dict[str, Any]:
    return {"id": name, "type": "nhn-secure-key-manager", "endpoint": endpoint, "app_key": APP_KEY}


def _request(provider: str) -> bytes:
    return keys.EncryptRequest(name=f"providers/{provider}/keys/{KEY}", plaintext=PLAINTEXT).SerializeToString()


def main() -> int:
    """See the module; 1 where a target is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    with scratch() as folder, surroundings(folder) as around:
        verdicts = measure(around, folder / "dead", rounds=given.rounds, seconds=given.seconds)
    print(table(verdicts))
    return 0 if all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
