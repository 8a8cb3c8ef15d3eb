"""Confidence intervals without assumptions about the distribution.

A ratio is computed within each round. The interval of its median is that of the sign test: each round is above or below
the true median with equal probability. It needs six rounds for a confidence of 95 %; with fewer, it has no bounds.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
FEWEST_ROUNDS: Final = 6


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value and the bounds between which the true value lies with the confidence. NaN: not measured."""

    value: float
    low: float
    high: float

    @property
    def is_measured(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


NOT_MEASURED: Final = Interval(math.nan, math.nan, math.nan)


def of_median(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The median of one value per round, with the bounds of the sign test."""
    if not values:
        return NOT_MEASURED
    ordered = sorted(values)
    median = statistics.median(ordered)
    skipped = _skipped(len(ordered), confidence)
    if skipped is None:
        return Interval(median, -math.inf, math.inf)
    return Interval(median, ordered[skipped], ordered[-1 - skipped])


def of_ratio(values: Sequence[float], others: Sequence[float]) -> Interval:
    """The ratio of two quantities that repeat within a few percent: its extremes over all pairs of measurements.

    It has no bounds if one of them was measured only once.
    """
    if not values or not others:
        return NOT_MEASURED
    ratio = statistics.median(values) / statistics.median(others)
    if min(len(values), len(others)) < 2:
        return Interval(ratio, -math.inf, math.inf)
    return Interval(ratio, min(values) / max(others), max(values) / min(others))


def _skipped(rounds: int, confidence: float) -> int | None:
    """Number of extreme values outside of the interval on each side; None if there are too few rounds."""
    outside, skipped = 0.0, None
    for index in range(rounds // 2):
        outside += 2 * math.comb(rounds, index) / 2**rounds
        if outside > 1 - confidence:
            break
        skipped = index
    return skipped
