"""How long a sync waits for company, by what the event loop had to do."""

import pytest

from gateway.audit import load
from gateway.audit.load import LONGEST_SECONDS, LOOKED_AT_SECONDS, SHORTEST_SECONDS, Load


class Times:
    """The clocks of a thread that is as busy as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._wall = self._cpu = 100.0
        monkeypatch.setattr(load.time, "monotonic", lambda: self._wall)
        monkeypatch.setattr(load.time, "thread_time", lambda: self._cpu)

    def pass_by(self, share: float) -> None:
        self._wall += LOOKED_AT_SECONDS + 0.001
        self._cpu += share * (LOOKED_AT_SECONDS + 0.001)


def after(monkeypatch: pytest.MonkeyPatch, *shares: float) -> float:
    """The patience after so many looks."""
    times = Times(monkeypatch)
    subject = Load()
    found = subject.patience()
    assert found == SHORTEST_SECONDS
    for share in shares:
        times.pass_by(share)
        found = subject.patience()
    return found


def test_at_rest_and_at_half_load_it_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(monkeypatch, *[0.0] * 10) == SHORTEST_SECONDS
    assert after(monkeypatch, *[0.8] * 30) == SHORTEST_SECONDS


def test_a_burst_is_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(monkeypatch, 0.5, 0.5, 1.0, 0.5) == SHORTEST_SECONDS


def test_a_loop_that_is_never_idle_makes_it_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(monkeypatch, *[1.0] * 10) == LONGEST_SECONDS


def test_between_the_two_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    middle = after(monkeypatch, *[0.91] * 30)
    assert middle == pytest.approx((SHORTEST_SECONDS + LONGEST_SECONDS) / 2, rel=0.05)


def test_it_is_short_again_once_the_load_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert after(monkeypatch, *[1.0] * 10, 0.2, 0.2) == SHORTEST_SECONDS


def test_within_a_tenth_of_a_second_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    subject = Load()
    for _ in range(10):
        times.pass_by(1.0)
        subject.patience()
    monkeypatch.setattr(load.time, "thread_time", lambda: pytest.fail("looked"))
    assert subject.patience() == LONGEST_SECONDS
