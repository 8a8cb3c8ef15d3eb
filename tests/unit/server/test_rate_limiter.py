"""Rate and concurrency limits of callers and of the server, with a simulated clock."""

import bisect
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.errors import CALLER_RATE_LIMITED, SERVER_BUSY, GatewayError
from gateway.identity.caller import ANONYMOUS, Caller
from gateway.server.rate_limiter import RateLimiter
from gateway.server.status import retry_delay
from tests.support.clock import ManualClock
from tests.support.policies import ALICE, BOB


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limits(clock: ManualClock, caller: dict[str, Any] | None = None, **more: Any) -> RateLimiter:
    wide = {"rate": 1000, "burst": 1000, "concurrency": 1000}
    return RateLimiter(LimitSettings(caller=CallerLimits(**{**wide, **(caller or {})}), **more), clock)


def call(limits: RateLimiter, caller: Caller = ALICE) -> None:
    with limits.admit(caller):
        pass


def refused(limits: RateLimiter, caller: Caller = ALICE) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        call(limits, caller)
    return caught.value


@contextlib.contextmanager
def held(limits: RateLimiter, *callers: Caller) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for caller in callers:
            stack.enter_context(limits.admit(caller))
        yield


class TestRate:
    def test_burst_is_followed_by_the_rate(self, clock: ManualClock) -> None:
        some = limits(clock, {"rate": 2, "burst": 3})
        for _ in range(3):
            call(some)
        error = refused(some)
        assert error.kind is CALLER_RATE_LIMITED
        assert error.retry_after == 0.5
        clock.now += 0.5
        call(some)
        refused(some)

    def test_rejected_calls_are_retried_one_after_another(self, clock: ManualClock) -> None:
        """Each call is rejected at most once, although all calls arrive at the same time."""
        some = limits(clock, {"rate": 10, "burst": 1})
        waiting = [0.0] * 90
        attempts = 0
        while waiting:
            clock.now = max(clock.now, waiting.pop(0))
            attempts += 1
            try:
                call(some)
            except GatewayError as error:
                bisect.insort(waiting, clock.now + (error.retry_after or 0))
        assert attempts == 90 + 89
        assert clock.now == pytest.approx(1008.9, abs=0.2)

    def test_callers_that_retry_too_early_delay_others_by_ten_seconds_at_most(self, clock: ManualClock) -> None:
        some = limits(clock, {"rate": 2, "burst": 1})
        call(some)
        delays = [refused(some).retry_after for _ in range(1000)]
        assert delays[:3] == [0.5, 1.0, 1.5]
        assert all(delay is not None and 0.5 <= delay <= 10.5 for delay in delays)
        assert len(set(delays)) > 900

    def test_idle_time_restores_at_most_one_burst(self, clock: ManualClock) -> None:
        some = limits(clock, {"rate": 2, "burst": 3})
        for _ in range(3):
            call(some)
        clock.now += 1_000_000
        for _ in range(3):
            call(some)
        refused(some)

    def test_rejected_calls_cost_no_tokens(self, clock: ManualClock) -> None:
        some = limits(clock, {"rate": 1, "burst": 1})
        call(some)
        for _ in range(9):
            clock.now += 0.1
            refused(some)
        clock.now += 0.1
        call(some)

    def test_retry_after_the_delay_succeeds(self, clock: ManualClock) -> None:
        """Also with the delay from RetryInfo, which is in milliseconds."""
        some = limits(clock, {"rate": 3, "burst": 1})
        for _ in range(50):
            call(some)
            delay = retry_delay(refused(some), idempotent=False)
            assert delay is not None
            clock.now += round(delay * 1000) / 1000
        call(some)

    def test_callers_have_separate_limits(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 1, "rate": 1})
        call(some, ALICE)
        refused(some, ALICE)
        call(some, BOB)
        call(some, Caller(ALICE.name, "dns"))

    def test_token_claims_do_not_change_the_caller(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 1, "rate": 1})
        call(some, Caller("1", "jwt", "i", ("a",), ("x",)))
        refused(some, Caller("1", "jwt", "i", ("b",), ()))

    def test_configured_callers_have_their_own_limits(self, clock: ManualClock) -> None:
        other = {"spiffe://example.org/bob": CallerLimits(burst=2, rate=1), "sub:1": CallerLimits(burst=3, rate=1)}
        some = limits(clock, {"burst": 1, "rate": 1}, callers=other)
        for caller, calls in ((ALICE, 1), (BOB, 2), (Caller("1", "jwt"), 3), (Caller(BOB.name, "dns"), 1)):
            for _ in range(calls):
                call(some, caller)
            refused(some, caller)

    @pytest.mark.parametrize(("configured", "known"), [("\u00e9", "e\u0301"), ("e\u0301", "\u00e9")])
    def test_configured_limits_apply_to_every_unicode_form(
        self, clock: ManualClock, configured: str, known: str
    ) -> None:
        some = limits(clock, callers={f"cn:{configured}": CallerLimits(burst=1, rate=1)})
        for name in (known, configured):
            call(some, Caller(name, "common-name"))
            refused(some, Caller(name, "common-name"))


class TestConcurrency:
    def test_caller_concurrency_is_limited(self, clock: ManualClock) -> None:
        some = limits(clock, {"concurrency": 2})
        with held(some, ALICE, ALICE):
            error = refused(some)
            assert error.kind is CALLER_RATE_LIMITED
            assert retry_delay(error, idempotent=False) is not None
            call(some, BOB)
        call(some)

    def test_server_concurrency_is_limited(self, clock: ManualClock) -> None:
        some = limits(clock, server_concurrency=2)
        with held(some, ALICE, BOB):
            for caller in (ALICE, BOB, ANONYMOUS):
                error = refused(some, caller)
                assert error.kind is SERVER_BUSY
                assert retry_delay(error, idempotent=False) is not None
        call(some, ANONYMOUS)

    def test_call_rejected_by_the_server_costs_no_token(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 2, "rate": 0.001}, server_concurrency=1)
        with held(some, BOB):
            for _ in range(5):
                assert refused(some).kind is SERVER_BUSY
        call(some)
        call(some)

    def test_call_over_the_concurrency_costs_no_token(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 2, "rate": 0.001, "concurrency": 1})
        with held(some, ALICE):
            for _ in range(5):
                refused(some)
        call(some)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_failed_call_ends_its_concurrency(self, clock: ManualClock, error: type[BaseException]) -> None:
        some = limits(clock, {"concurrency": 1}, server_concurrency=1)
        for _ in range(3):
            place = some.admit(ALICE)
            place.__enter__()
            assert some.active == 1
            place.__exit__(error, error(), None)
        assert some.active == 0
        call(some)

    def test_rejected_call_does_not_count_as_active(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 1, "rate": 1})
        call(some)
        refused(some)
        assert some.active == 0


def test_anonymous_callers_have_only_the_server_limit(clock: ManualClock) -> None:
    some = limits(clock, {"burst": 1, "rate": 1, "concurrency": 1})
    with held(some, *[ANONYMOUS] * 50):
        assert some.active == 50
    assert some.remembered == 0


class TestMemory:
    def test_idle_callers_are_forgotten_oldest_first(self, clock: ManualClock) -> None:
        some = limits(clock, {"burst": 1, "rate": 0.001}, remembered_callers=3)
        one, two, three, four = (Caller(str(index), "jwt") for index in range(4))
        for caller in (one, two, three):
            call(some, caller)
        refused(some, one)
        call(some, four)  # forgets two
        assert some.remembered == 3
        refused(some, one)
        refused(some, three)
        call(some, two)

    def test_active_callers_are_not_forgotten(self, clock: ManualClock) -> None:
        some = limits(clock, {"concurrency": 1}, remembered_callers=1)
        with held(some, ALICE):
            for index in range(10):
                call(some, Caller(str(index), "jwt"))
            assert refused(some, ALICE).kind is CALLER_RATE_LIMITED
            assert some.remembered == 2

    def test_number_of_remembered_callers_is_bounded(self, clock: ManualClock) -> None:
        some = limits(clock, remembered_callers=100)
        for index in range(10_000):
            call(some, Caller(str(index), "jwt"))
        assert some.remembered == 100


class TestSettings:
    def test_limits_have_defaults(self) -> None:
        chosen = LimitSettings()
        assert chosen.server_concurrency == 1000
        assert (chosen.caller.rate, chosen.caller.burst, chosen.caller.concurrency) == (200, 400, 100)

    @pytest.mark.parametrize(
        "values",
        [
            {"server_concurrency": 0},
            {"caller": {"rate": 0}},
            {"caller": {"burst": 0}},
            {"caller": {"concurrency": 0}},
            {"caller": {"rate": "inf"}},
            {"callers": {"batch": {"rate": 1}}},
            {"unknown": 1},
        ],
    )
    def test_invalid_limits_are_rejected(self, values: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            LimitSettings.model_validate(values)
