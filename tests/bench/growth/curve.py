"""Cost curves: what one shows, the exponent that fits it, and how to measure it."""

import asyncio
import math
import shutil
import statistics
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Costs = Mapping[int, float]
"""A cost by size."""
TOLERANCE: Final = 0.15
"""An exponent may be this much above the lowest possible one."""


def fitted(costs: Costs) -> float:
    """Return the exponent: the slope of the logarithms, by least squares, over the upper half of the sizes.

    0 is constant, and 1 is linear.
    """
    upper = sorted(costs)[(len(costs) - 1) // 2 :]
    slope, _ = statistics.linear_regression(
        [math.log(size) for size in upper], [math.log(costs[size]) for size in upper]
    )
    return slope


@dataclass(frozen=True, slots=True)
class Line:
    """One cost of a curve. least: the exponent below which it cannot be."""

    label: str
    least: float
    costs: Costs

    @property
    def exponent(self) -> float | None:
        """The fitted exponent; None if there are too few sizes."""
        return fitted(self.costs) if len(self.costs) > 1 else None

    @property
    def grows_too_fast(self) -> bool:
        """Whether the exponent is higher than it has to be."""
        return self.exponent is not None and self.exponent > self.least + TOLERANCE


@dataclass(frozen=True, slots=True)
class Curve:
    """Costs by size, all in one unit. conditions: when and where they were measured."""

    name: str
    title: str
    axis: str
    unit: str
    lines: Sequence[Line]
    conditions: str = ""


Costed = Mapping[str, float]
"""Costs of one size, by the label of the line."""
Setup = Callable[[Path, float], AbstractContextManager[Callable[[int], Costed]]]
"""Prepares measurements in a folder, and returns the function that measures one size.

The number is the CPU time of the server per cost, in seconds.
"""
CPU_SECONDS: Final = 0.5


def in_own_folder(folder: Path, measure: Callable[[Path, int], Coroutine[Any, Any, Costed]]) -> Callable[[int], Costed]:
    """Return a function that measures one size in a folder of its own, and then removes the folder."""

    def measured(size: int) -> Costed:
        own = folder / str(size)
        try:
            return asyncio.run(measure(own, size))
        finally:
            shutil.rmtree(own, ignore_errors=True)

    return measured


@dataclass(frozen=True, slots=True)
class Experiment:
    """A curve that can be measured. lines: the least exponent by label. few: sizes for a check that takes seconds."""

    name: str
    title: str
    axis: str
    unit: str
    lines: Mapping[str, float]
    sizes: Sequence[int]
    few: Sequence[int]
    setup: Setup

    def run(
        self,
        folder: Path,
        sizes: Sequence[int],
        done: Callable[[int, Costed], None] = lambda size, costs: None,
        seconds: float = CPU_SECONDS,
    ) -> Curve:
        """Measure these sizes. done: called after each size. seconds: CPU time of the server per cost."""
        folder.mkdir(parents=True, exist_ok=True)
        found: dict[int, Costed] = {}
        with self.setup(folder, seconds) as measure:
            for size in sizes:
                found[size] = measure(size)
                done(size, found[size])
        lines = [
            Line(label, least, {size: costs[label] for size, costs in found.items() if label in costs})
            for label, least in self.lines.items()
        ]
        return Curve(self.name, self.title, self.axis, self.unit, lines)
