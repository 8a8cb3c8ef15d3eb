"""Buckets of durations, for percentiles with an error of at most 5 %. Each bucket is 10 % wider than the one before."""

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Final

_RATIO: Final = 1.1
LOG_RATIO: Final = math.log(_RATIO)
"""The width of a bucket on a natural logarithmic scale."""
_TYPE: Final = "Q"


def bucket(microseconds: int) -> int:
    """Return the bucket of a duration."""
    return round(math.log(microseconds) / LOG_RATIO) if microseconds > 1 else 0


def duration(number: int) -> int:
    """Return the duration in microseconds that represents a bucket."""
    return round(_RATIO**number)


def encoded(counts: Mapping[int, int]) -> bytes:
    """Return counts by bucket as bytes."""
    return array(_TYPE, [value for pair in sorted(counts.items()) for value in pair]).tobytes()


def add(counts: dict[int, int], content: bytes) -> None:
    """Add the counts of an encoded histogram."""
    values = array(_TYPE)
    values.frombytes(content)
    for number, count in zip(values[::2], values[1::2], strict=True):
        counts[number] = counts.get(number, 0) + count


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Return the duration in microseconds that this share of the calls does not exceed; None if there are no calls."""
    position = max(1, math.ceil(share * sum(counts.values())))
    for number, reached in _accumulated(sorted(counts.items())):
        if reached >= position:
            return duration(number)
    return None


def _accumulated(counts: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    reached = 0
    for number, count in counts:
        reached += count
        yield number, reached
