"""The circuit breaker, with a simulated clock. Random pauses have their maximum, unless a test states another one."""

import pytest

from gateway.upstream.breaker import Breaker, BreakerState
from gateway.upstream.settings import BreakerSettings

SETTINGS = BreakerSettings(failure_rate=0.5, minimum_calls=4, window=10, interval=5)


class Bench:
    """A breaker with its clock, and the reported openings."""

    def __init__(self, settings: BreakerSettings = SETTINGS) -> None:
        self.now = 1000.0
        self.opened = 0
        self.share = 1.0
        self.breaker = Breaker(settings, on_open=self._note, clock=lambda: self.now, draw=self._draw)

    def _draw(self, low: float, high: float) -> float:
        return low + self.share * (high - low)

    def _note(self) -> None:
        self.opened += 1

    def calls(self, *results: bool) -> None:
        for good in results:
            permit = self.breaker.enter()
            assert permit is not None
            (self.breaker.succeeded if good else self.breaker.failed)(permit)

    @property
    def state(self) -> str:
        return self.breaker.state.name.lower().replace("_", "-")

    @property
    def open(self) -> bool:
        return self.breaker.state is BreakerState.OPEN

    def opened_now(self) -> "Bench":
        self.calls(False, False, False, False)
        assert self.open
        return self


class TestClosed:
    @pytest.mark.parametrize(
        ("results", "opens"),
        [
            ((False, False, False), False),
            ((False, False, False, False), True),
            ((True, True, False, False), True),
            ((True, True, True, False, False), False),
            ((True, True, True, False, False, False), True),
        ],
    )
    def test_breaker_opens_at_the_failure_rate_after_the_minimum_number_of_calls(
        self, results: tuple[bool, ...], *, opens: bool
    ) -> None:
        bench = Bench()
        bench.calls(*results)
        assert bench.open is opens
        assert bench.opened == opens

    def test_calls_outside_the_window_do_not_count(self) -> None:
        bench = Bench()
        bench.calls(False, False, False)
        bench.now += 10.5
        bench.calls(False, False, False)
        assert not bench.open
        bench.now += 5
        bench.calls(False)
        assert bench.open

    def test_disabled_breaker_never_opens(self) -> None:
        bench = Bench(BreakerSettings(enabled=False, minimum_calls=1))
        bench.calls(*[False] * 100)
        assert bench.breaker.state is BreakerState.CLOSED

    def test_canceled_calls_do_not_count(self) -> None:
        bench = Bench()
        for _ in range(100):
            permit = bench.breaker.enter()
            assert permit is not None
            bench.breaker.gave_up(permit)
        bench.calls(False, False, False)
        assert not bench.open

    def test_consecutive_failures_open_the_breaker_despite_earlier_successes(self) -> None:
        bench = Bench()
        bench.calls(*[True] * 100, *[False] * 7)
        assert not bench.open
        bench.calls(True, *[False] * 7)
        assert not bench.open
        bench.calls(False)
        assert bench.open


class TestOpen:
    def test_hanging_probe_does_not_add_an_interval_when_it_fails(self) -> None:
        bench = Bench().opened_now()
        bench.now += 5
        permit = bench.breaker.enter()
        assert permit is not None
        bench.now += 3
        bench.breaker.failed(permit)
        assert bench.breaker.wait() == 2

    def test_open_breaker_rejects_until_the_interval_ends(self) -> None:
        bench = Bench().opened_now()
        for elapsed, wait in ((0, 5), (3, 2), (1.5, 0.5)):
            bench.now += elapsed
            assert bench.breaker.enter() is None
            assert bench.breaker.wait() == wait

    def test_half_open_breaker_passes_a_single_probe(self) -> None:
        bench = Bench().opened_now()
        bench.now += 5
        assert bench.breaker.wait() == 0
        permit = bench.breaker.enter()
        assert permit is not None
        assert bench.state == "half-open"
        assert bench.breaker.enter() is None
        assert bench.breaker.wait() == 5
        bench.breaker.succeeded(permit)
        assert bench.state == "closed"
        bench.calls(False, False, False)  # earlier results are forgotten
        assert not bench.open

    def test_failed_probe_opens_the_breaker_for_another_interval(self) -> None:
        bench = Bench().opened_now()
        bench.now += 6
        bench.calls(False)
        assert bench.open
        assert bench.breaker.wait() == 5
        assert bench.opened == 2

    def test_canceled_probe_allows_another_immediately(self) -> None:
        bench = Bench().opened_now()
        bench.now += 5
        permit = bench.breaker.enter()
        assert permit is not None
        bench.breaker.gave_up(permit)
        assert bench.breaker.enter() is not None

    def test_hanging_probe_allows_another_after_an_interval(self) -> None:
        bench = Bench().opened_now()
        bench.now += 5
        hanging = bench.breaker.enter()
        bench.now += 5
        second = bench.breaker.enter()
        assert hanging is not None
        assert second is not None
        bench.breaker.succeeded(second)
        bench.breaker.failed(hanging)
        assert bench.breaker.state is BreakerState.CLOSED

    def test_results_of_calls_sent_before_a_state_change_are_ignored(self) -> None:
        bench = Bench()
        early = [bench.breaker.enter() for _ in range(3)]
        bench.opened_now()
        for permit in early:
            assert permit is not None
            bench.breaker.succeeded(permit)
        assert bench.open
        bench.now += 3
        assert early[0] is not None
        bench.breaker.failed(early[0])
        assert bench.breaker.wait() == 2

    def test_health_check_always_passes_and_decides_the_state(self) -> None:
        bench = Bench().opened_now()
        bench.now += 1
        permit = bench.breaker.enter(forced=True)
        assert permit is not None
        bench.breaker.succeeded(permit)
        assert bench.breaker.state is BreakerState.CLOSED


class TestJitter:
    def test_pause_between_probes_is_random(self) -> None:
        bench = Bench()
        bench.share = 0.0
        bench.opened_now()
        assert bench.breaker.wait() == 3.75
        bench.now += 3.75
        bench.share = 0.5
        permit = bench.breaker.enter()
        assert permit is not None
        assert bench.breaker.wait() == 4.375
        bench.breaker.failed(permit)
        assert bench.breaker.wait() == 4.375

    def test_rejected_callers_retry_during_the_next_interval(self) -> None:
        bench = Bench().opened_now()
        bench.now += 2
        delays = []
        for bench.share in (0.0, 0.5, 1.0):
            delays.append(bench.breaker.retry_after())
        assert delays == [3, 5.5, 8]
        assert bench.breaker.enter() is None

    def test_breakers_that_open_together_do_not_probe_together(self) -> None:
        breakers = [Breaker(SETTINGS, clock=lambda: 1000.0) for _ in range(100)]
        for breaker in breakers:
            for _ in range(4):
                breaker.failed(breaker.enter() or 0)
        waits = sorted(breaker.wait() for breaker in breakers)
        assert waits[0] >= 3.75
        assert waits[-1] <= 5
        assert waits[-1] - waits[0] > 0.6
