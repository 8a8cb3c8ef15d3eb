"""Verdicts state which targets are met, not met, not decided, or not measured, and the figures they are based on."""

import math
from collections.abc import Sequence

import pytest

from tests.bench.intervals import NOT_MEASURED, Interval, of_median, of_ratio
from tests.bench.verdicts import Verdict, all_met, table

NAN = float("nan")
INFINITY = float("inf")


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [
        (Verdict("most", 1.0, 1.0), "met"),
        (Verdict("most", 1.1, 1.0), "not met"),
        (Verdict("least", 0.92, 0.92, at_least=True), "met"),
        (Verdict("least", 0.9, 0.92, at_least=True), "not met"),
        (Verdict("nothing", NAN, 1.0), "not measured"),
        (Verdict("never", INFINITY, 1.0), "not met"),
    ],
)
def test_a_value_without_an_interval_decides_at_its_limit(verdict: Verdict, decision: str) -> None:
    assert verdict.decision == decision


@pytest.mark.parametrize(
    ("interval", "at_least", "decision"),
    [
        (Interval(0.7, 0.6, 0.8), False, "met"),
        (Interval(0.7, 0.6, 0.81), False, "not decided"),
        (Interval(0.9, 0.79, 0.95), False, "not decided"),
        (Interval(0.9, 0.8, 0.95), False, "not decided"),
        (Interval(0.9, 0.81, 0.95), False, "not met"),
        (Interval(0.9, 0.8, 0.95), True, "met"),
        (Interval(0.9, 0.79, 0.95), True, "not decided"),
        (Interval(0.7, 0.6, 0.79), True, "not met"),
        (Interval(0.1, -INFINITY, INFINITY), False, "not decided"),
        (Interval(0.9, -INFINITY, INFINITY), True, "not decided"),
        (NOT_MEASURED, False, "not measured"),
    ],
)
def test_an_interval_decides_only_if_all_of_it_is_on_one_side(
    interval: Interval, at_least: bool, decision: str
) -> None:
    verdict = Verdict.of("ratio", interval, 0.8, at_least=at_least)
    assert verdict.decision == decision
    assert all_met([verdict]) is (decision == "met")


@pytest.mark.parametrize(
    ("rounds", "bounds"),
    [
        ([3.0] * 5, (-INFINITY, INFINITY)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (1.0, 6.0)),
        ([9.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], (2.0, 9.0)),
        ([100.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -50.0], (2.0, 8.0)),
    ],
)
def test_the_interval_of_a_median_has_a_confidence_of_95_percent(
    rounds: Sequence[float], bounds: tuple[float, float]
) -> None:
    interval = of_median(rounds)
    assert (interval.low, interval.high) == bounds
    assert interval.low <= interval.value <= interval.high


def test_a_higher_confidence_needs_a_wider_interval() -> None:
    rounds = [float(number) for number in range(12)]
    assert (of_median(rounds).low, of_median(rounds, 0.99).low) == (2.0, 1.0)


def test_a_ratio_lies_between_its_extremes() -> None:
    assert of_ratio([90.0, 100.0, 110.0], [200.0, 190.0, 210.0]) == Interval(0.5, 90 / 210, 110 / 190)
    assert of_ratio([90.0], [200.0, 190.0]) == Interval(90 / 195, -INFINITY, INFINITY)


def test_without_rounds_nothing_is_measured() -> None:
    assert not of_median([]).is_measured
    assert not of_ratio([], [1.0]).is_measured


def test_the_table_shows_every_decision() -> None:
    lines = table(
        [
            Verdict("cost", 12.34, 80.0, "µs", remark="of 3"),
            Verdict("gone", NAN, 5.0),
            Verdict("never", INFINITY, 5.0, "s"),
            Verdict.of("ratio", Interval(0.7, 0.65, 0.9), 0.8),
            Verdict.of("few", Interval(0.7, -INFINITY, INFINITY), 0.8),
        ]
    ).splitlines()
    assert lines[2] == "| cost | ≤ 80 µs | 12.3 µs |  | met | of 3 |"
    assert lines[3] == "| gone | ≤ 5 | – |  | not measured |  |"
    assert "| never |  | **not met** |" in lines[4]
    assert lines[5] == "| ratio | ≤ 0.80 | 0.70 | 0.65 to 0.90 | not decided |  |"
    assert "| too few rounds | not decided |" in lines[6]


def test_unmeasured_values_are_null_in_json() -> None:
    assert Verdict("gone", NAN, NAN).as_json()["measured"] is None
    never = Verdict("never", INFINITY, 5.0).as_json()
    assert (never["measured"], never["interval"], never["decision"]) == (None, [None, None], "not met")
    assert math.isfinite(Verdict.of("ratio", Interval(0.7, 0.6, 0.8), 0.8).as_json()["interval"][0])
