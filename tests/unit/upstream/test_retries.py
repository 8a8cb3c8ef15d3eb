"""The retry policy: which failures are retried, after which pause, and the retry budget."""

import dataclasses

import pytest

from gateway.call_context import CallContext
from gateway.errors import ErrorKind
from gateway.upstream import outcomes
from gateway.upstream.retries import Retries
from gateway.upstream.settings import RetrySettings
from tests.support.upstream_client import new_call

SETTINGS = RetrySettings(attempts=4, initial_backoff=0.1, maximum_backoff=0.3, budget=0.5, reserve=2)


def longest(settings: RetrySettings = SETTINGS) -> Retries:
    """Return retries with the maximum jitter."""
    return Retries(settings, draw=lambda _low, high: high)


def safe(seconds: float = 10.0) -> CallContext:
    return new_call(seconds, repeatable=True)


@pytest.mark.parametrize(
    ("outcome", "any_method", "safe_method"),
    [
        (outcomes.UNREACHABLE, True, True),
        (outcomes.RATE_LIMITED, True, True),
        (outcomes.CONNECTION_LOST, False, True),
        (outcomes.UNAVAILABLE, False, True),
        (outcomes.TIMEOUT, False, False),
        (outcomes.TLS_FAILED, False, False),
        (outcomes.CREDENTIALS_REJECTED, False, False),
        (outcomes.INTERNAL, False, False),
        (outcomes.BUSY, False, False),
        (outcomes.CIRCUIT_OPEN, False, False),
    ],
)
def test_error_kind_and_idempotency_decide_about_retries(
    outcome: ErrorKind, *, any_method: bool, safe_method: bool
) -> None:
    assert (longest().pause(new_call(), 1, outcome, None) is not None) is any_method
    assert (longest().pause(safe(), 1, outcome, None) is not None) is safe_method


def test_pauses_grow_to_their_bound_and_end_with_the_attempts() -> None:
    retries = longest(SETTINGS.model_copy(update={"reserve": 10}))
    pauses = [retries.pause(safe(), attempt, outcomes.UNREACHABLE, None) for attempt in (1, 2, 3, 4)]
    assert pauses == [0.1, 0.2, 0.3, None]


def test_pauses_are_drawn_from_nothing_to_their_bound() -> None:
    drawn: list[tuple[float, float]] = []
    retries = Retries(SETTINGS, draw=lambda low, high: drawn.append((low, high)) or 0.07)  # type: ignore[func-returns-value]
    assert retries.pause(safe(), 2, outcomes.UNREACHABLE, None) == 0.07
    assert drawn == [(0, 0.2)]


def test_retry_after_is_added_to_the_jitter() -> None:
    assert longest().pause(safe(), 1, outcomes.RATE_LIMITED, 0.2) == pytest.approx(0.3)
    assert longest().pause(safe(), 1, outcomes.RATE_LIMITED, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("requested", [0.31, 60.0, float("inf")])
def test_retry_after_beyond_the_maximum_is_not_retried(requested: float) -> None:
    assert longest().pause(safe(), 1, outcomes.RATE_LIMITED, requested) is None


def test_pause_never_exceeds_the_deadline() -> None:
    assert longest().pause(safe(0.05), 1, outcomes.UNREACHABLE, None) is None
    assert longest().pause(safe(0.2), 1, outcomes.RATE_LIMITED, 0.15) is None


def test_budget_limits_retries_until_requests_succeed() -> None:
    retries = longest()
    allowed = [retries.pause(safe(), 1, outcomes.UNREACHABLE, None) is not None for _ in range(4)]
    assert allowed == [True, True, False, False]
    retries.earn()
    assert retries.pause(safe(), 1, outcomes.UNREACHABLE, None) is None
    retries.earn()
    assert retries.pause(safe(), 1, outcomes.UNREACHABLE, None) is not None
    for _ in range(100):
        retries.earn()
    assert retries.saved == 2


def test_unused_retry_returns_to_the_budget() -> None:
    retries = longest()
    for _ in range(5):
        assert retries.pause(safe(), 1, outcomes.UNREACHABLE, None) is not None
        retries.paused(again=False)
    assert (retries.made, retries.saved) == (0, 2)
    retries.pause(safe(), 1, outcomes.UNREACHABLE, None)
    retries.paused(again=True)
    assert (retries.made, retries.saved) == (1, 1)


def test_health_check_is_not_retried() -> None:
    probe = dataclasses.replace(safe(), probe=True)
    assert longest().pause(probe, 1, outcomes.UNREACHABLE, None) is None
