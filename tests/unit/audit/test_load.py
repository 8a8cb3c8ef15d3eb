"""How long a sync waits for company, by what the event loop had to do."""

import threading
import time

import pytest

from gateway.audit import load as loads
from gateway.audit.load import LONGEST_SECONDS, LOOKED_AT_SECONDS, SHORTEST_SECONDS, Load, time_wanted


class Times:
    """The clocks of a thread that is as busy as it is told. looks: how often its own was asked."""

    def __init__(self) -> None:
        self.now = self._wanted = 100.0
        self.looks = 0

    def wanted(self) -> float:
        self.looks += 1
        return self._wanted

    def pass_by(self, share: float) -> None:
        self.now += LOOKED_AT_SECONDS + 0.001
        self._wanted += share * (LOOKED_AT_SECONDS + 0.001)


def after(*shares: float) -> float:
    """The patience after so many looks."""
    times = Times()
    load = Load(lambda: times.now, times.wanted)
    found = load.patience()
    assert found == SHORTEST_SECONDS
    for share in shares:
        times.pass_by(share)
        found = load.patience()
    return found


def test_at_rest_and_at_half_load_it_is_short() -> None:
    assert after(*[0.0] * 10) == SHORTEST_SECONDS
    assert after(*[0.8] * 30) == SHORTEST_SECONDS


def test_a_burst_is_no_load() -> None:
    assert after(0.5, 0.5, 1.0, 0.5) == SHORTEST_SECONDS


def test_a_loop_that_is_never_idle_makes_it_long() -> None:
    assert after(*[1.0] * 10) == pytest.approx(LONGEST_SECONDS)


def test_between_the_two_it_grows() -> None:
    assert after(*[0.91] * 30) == pytest.approx((SHORTEST_SECONDS + LONGEST_SECONDS) / 2, rel=0.05)


def test_it_is_short_again_once_the_load_is_gone() -> None:
    assert after(*[1.0] * 10, 0.2, 0.2) == SHORTEST_SECONDS


def test_within_a_tenth_of_a_second_nothing_is_looked_at() -> None:
    times = Times()
    load = Load(lambda: times.now, times.wanted)
    for _ in range(10):
        load.patience()
    assert times.looks == 1


def test_what_a_thread_wants_grows_as_it_works_and_not_as_it_sleeps() -> None:
    began, wanted = time.thread_time(), time_wanted()
    while time.thread_time() < began + 0.05:
        pass
    worked = time_wanted()
    assert worked - wanted >= 0.045
    threading.Event().wait(0.2)
    assert time_wanted() - worked < 0.15


def test_where_the_system_does_not_tell_it_is_the_time_that_the_thread_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "_SCHEDULE", loads._SCHEDULE.with_name("nothing-by-this-name"))
    before = time.thread_time()
    assert before <= time_wanted() <= time.thread_time()
