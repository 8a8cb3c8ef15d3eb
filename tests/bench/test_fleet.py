"""The simulation of a fleet: no retry storm, and no synchronized burst, with the settings that are the default."""

import asyncio
import time
from dataclasses import replace

import pytest

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.upstream import breaker
from gateway.upstream.breaker import Breaker
from tests.bench.fleet import virtual_time
from tests.bench.fleet.findings import burst_bound, find, outage_bound, verdicts
from tests.bench.fleet.plot import svg
from tests.bench.fleet.simulation import DEFAULT_LIMITS, UNPROTECTED, Plan, simulate
from tests.bench.fleet.upstream import Condition

SHORT = Plan(Condition.REFUSING, gateways=20, healthy=3, slow=12, failed=15, after=19, step=0.5)
LIMITED = LimitSettings(caller=CallerLimits(rate=5, burst=10))


@pytest.mark.parametrize("failure", [Condition.REFUSING, Condition.HANGING, Condition.OVERLOADED])
def test_outage_causes_no_retry_storm_and_no_burst(failure: Condition) -> None:
    recording = simulate(replace(SHORT, failure=failure))
    assert [verdict for verdict in verdicts(recording) if not verdict.met] == []
    assert "<polyline" in svg([recording])


@pytest.mark.parametrize("failure", [Condition.REFUSING, Condition.HANGING, Condition.OVERLOADED])
def test_sudden_outage_causes_no_retry_storm_and_no_burst(failure: Condition) -> None:
    recording = simulate(replace(SHORT, failure=failure, slow=0))
    assert [verdict for verdict in verdicts(recording) if not verdict.met] == []


def test_limits_hold_back_callers_that_ignore_the_retry_delay() -> None:
    plan = replace(SHORT, gateways=10, impatient=0.5, limits=LIMITED)
    assert [verdict for verdict in verdicts(simulate(plan)) if not verdict.met] == []
    assert find(simulate(replace(plan, limits=DEFAULT_LIMITS))).burst > burst_bound(plan)


def test_simulation_shows_the_storm_without_breaker_and_budget() -> None:
    assert find(simulate(replace(SHORT, settings=UNPROTECTED))).failed > 20 * outage_bound(SHORT)


def test_simulation_shows_the_burst_without_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Breaker, "retry_after", Breaker.wait)
    monkeypatch.setattr(breaker, "_SHORTEST", 1.0)
    assert find(simulate(SHORT)).burst > 1.5 * burst_bound(SHORT)


def test_same_seed_gives_the_same_events() -> None:
    plan = replace(SHORT, gateways=5)
    assert simulate(plan) == simulate(plan)
    assert simulate(plan).calls != simulate(replace(plan, seed=2)).calls


def test_simulated_clock_advances_without_waiting_and_ends() -> None:
    async def main() -> tuple[float, float]:
        began = time.monotonic()
        await asyncio.sleep(3600)
        return began, time.monotonic()

    began, really = time.monotonic, time.perf_counter()
    assert virtual_time.run(main(), 1) == (0.0, 3600.0)
    assert time.perf_counter() - really < 10
    assert time.monotonic is began
    with pytest.raises(virtual_time.Deadlock):
        virtual_time.run(asyncio.Event().wait(), 1)
