"""How long a sync waits for company, by what the event loop had to do."""

import pytest

from gateway.audit.load import LONGEST_SECONDS, LOOKED_AT_SECONDS, SHORTEST_SECONDS, Load


class Times:
    """The clocks of a thread that is as busy as it is told. looks: how often its own was asked."""

    def __init__(self) -> None:
        self.now = self._taken = 100.0
        self.looks = 0

    def taken(self) -> float:
        self.looks += 1
        return self._taken

    def pass_by(self, share: float) -> None:
        self.now += LOOKED_AT_SECONDS + 0.001
        self._taken += share * (LOOKED_AT_SECONDS + 0.001)


def after(*shares: float) -> float:
    """The patience after so many looks."""
    times = Times()
    load = Load(lambda: times.now, times.taken)
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
    load = Load(lambda: times.now, times.taken)
    for _ in range(10):
        load.patience()
    assert times.looks == 1
