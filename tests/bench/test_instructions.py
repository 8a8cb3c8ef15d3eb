"""Instructions per call, separated from the work per second, and the limits of the budget."""

import pytest

from tests.bench.instruction_budget import limits
from tests.bench.instructions import Measured, separated

_FIGURES = {"3.11.7, not optimized": {"bare": 580_000, "echo": 410_000}}


def test_work_per_second_is_subtracted() -> None:
    fast = [Measured(300, seconds, 300 * 1000 + round(seconds * 50_000)) for seconds in (5.0, 6.0, 9.0)]
    slow = Measured(40, 8.0, 40 * 1000 + 8 * 50_000)
    found = separated(fast, slow)
    assert found.median == pytest.approx(1000)
    assert found.per_second == pytest.approx(50_000)
    assert found.spread == pytest.approx(0)


def test_spread_is_relative_to_the_median() -> None:
    fast = [Measured(100, 1.0, instructions) for instructions in (99_000, 100_000, 102_000)]
    assert separated(fast, Measured(10, 1.0, 10_000)).spread == pytest.approx(0.03)


def test_a_known_build_has_its_own_limits() -> None:
    assert limits(_FIGURES, "3.11.7, not optimized", 999_999) == {"bare": pytest.approx(580_000 * 1.03)}


def test_another_build_is_compared_by_its_echo() -> None:
    assert limits(_FIGURES, "3.11.2, optimized", 328_000) == {"bare": pytest.approx(580_000 * 0.8 * 1.08)}
