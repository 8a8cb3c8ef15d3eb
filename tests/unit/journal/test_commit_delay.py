"""The commit delay, depending on the load of the event loop."""

import threading
import time
from pathlib import Path

import pytest

from gateway.journal.write import commit_delay as loads
from gateway.journal.write.commit_delay import LONGEST_SECONDS, SAMPLE_SECONDS, SHORTEST_SECONDS, CommitDelay, CpuDemand


class Times:
    """The clocks of a thread with simulated load. readings: how often the CPU demand was read."""

    def __init__(self) -> None:
        self.now = self._demand = 100.0
        self.readings = 0

    def demand(self) -> float:
        self.readings += 1
        return self._demand

    def pass_by(self, share: float) -> None:
        self.now += SAMPLE_SECONDS + 0.001
        self._demand += share * (SAMPLE_SECONDS + 0.001)


def after(*shares: float) -> float:
    """Return the delay after samples with these loads."""
    times = Times()
    delay = CommitDelay(lambda: times.now, times.demand)
    found = delay.seconds()
    assert found == SHORTEST_SECONDS
    for share in shares:
        times.pass_by(share)
        found = delay.seconds()
    return found


def test_delay_is_shortest_up_to_half_load() -> None:
    assert after(*[0.0] * 10) == SHORTEST_SECONDS
    assert after(*[0.8] * 30) == SHORTEST_SECONDS


def test_single_burst_does_not_raise_the_delay() -> None:
    assert after(0.5, 0.5, 1.0, 0.5) == SHORTEST_SECONDS


def test_full_load_gives_the_longest_delay() -> None:
    assert after(*[1.0] * 10) == pytest.approx(LONGEST_SECONDS)


def test_delay_grows_with_the_load() -> None:
    assert after(*[0.91] * 30) == pytest.approx((SHORTEST_SECONDS + LONGEST_SECONDS) / 2, rel=0.05)


def test_delay_drops_when_the_load_ends() -> None:
    assert after(*[1.0] * 10, 0.2, 0.2) == SHORTEST_SECONDS


def test_load_is_sampled_at_most_every_tenth_of_a_second() -> None:
    times = Times()
    delay = CommitDelay(lambda: times.now, times.demand)
    for _ in range(10):
        delay.seconds()
    assert times.readings == 1


def test_cpu_demand_grows_with_work_but_not_with_sleep() -> None:
    demand = CpuDemand()
    began, before = time.thread_time(), demand()
    while time.thread_time() < began + 0.05:
        pass
    worked = demand()
    assert worked - before >= 0.05
    threading.Event().wait(0.2)
    assert demand() - worked < 0.15


def test_cpu_demand_includes_the_wait_for_a_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    schedstat = tmp_path / "schedstat"
    monkeypatch.setattr(loads, "_SCHEDULE", schedstat)
    demand = CpuDemand()
    for content, waited in (
        ("2000000000 500000000 7", 0.5),
        ("3000000000 4500000000 9\n", 4.5),
        ("", 4.5),
        ("no", 4.5),
    ):
        schedstat.write_text(content)
        before = time.thread_time()
        assert before + waited <= demand() <= time.thread_time() + waited
    schedstat.unlink()
    assert demand() >= 4.5
    assert CpuDemand()() <= time.thread_time()
