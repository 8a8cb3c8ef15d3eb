"""Instruments that count in plain lists: a measurement costs well under a microsecond, the SDK's ten of them.

Measured on the event loop, read by the threads that export. A reading copies what it reads in one step, so that it
needs no lock; the sum of a histogram may be one measurement behind its counts. Nothing here knows an exporter.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, Generic, Literal, NamedTuple, TypeVar

AttributeValue = str | int
Attributes = Mapping[str, AttributeValue]
KeyT = TypeVar("KeyT", bound=Hashable)

MAXIMUM_POINTS: Final = 2000
OVERFLOW: Final[Attributes] = {"otel.metric.overflow": "true"}
"""Stands for all attributes beyond those that are told apart."""


class Description(NamedTuple):
    """What an instrument measures. unit: as UCUM spells it."""

    name: str
    unit: str
    text: str


class Distribution(NamedTuple):
    """How many values fell into each bucket, the last of which has no bound, and what they add up to."""

    counts: Sequence[int]
    total: float


class Point(NamedTuple):
    """A value and what it is of."""

    attributes: Attributes
    value: float | Distribution


class Series(NamedTuple):
    """All points of an instrument at one moment. bounds: those of a histogram's buckets, which belong to them."""

    kind: Literal["histogram", "counter", "level", "gauge"]
    about: Description
    points: Sequence[Point]
    bounds: Sequence[float] = ()


class Histogram(Generic[KeyT]):
    """Values by key. `attributes` makes a key's attributes, once."""

    def __init__(self, about: Description, bounds: Sequence[float], attributes: Callable[[KeyT], Attributes]) -> None:
        self._about = about
        self._bounds = tuple(bounds)
        self._attributes = attributes
        self._cells: dict[KeyT, list[float]] = {}
        self._overflow: list[float] = self._cell()

    def record(self, key: KeyT, value: float) -> None:
        """Count one value."""
        cell = self._cells.get(key)
        if cell is None:
            cell = self._new(key)
        cell[bisect_left(self._bounds, value)] += 1
        cell[-1] += value

    def read(self) -> Series:
        """All that was counted since the start."""
        cells = self._cells.copy()
        points = [Point(self._attributes(key), _distribution(cell)) for key, cell in cells.items()]
        overflow = _distribution(self._overflow)
        if any(overflow.counts):
            points.append(Point(OVERFLOW, overflow))
        return Series("histogram", self._about, points, self._bounds)

    def _new(self, key: KeyT) -> list[float]:
        if len(self._cells) >= MAXIMUM_POINTS:
            return self._overflow
        cell = self._cells[key] = self._cell()
        return cell

    def _cell(self) -> list[float]:
        """A count for each bucket, and the sum."""
        return [0] * (len(self._bounds) + 1) + [0.0]


def _distribution(cell: list[float]) -> Distribution:
    cell = cell.copy()
    return Distribution([int(count) for count in cell[:-1]], cell[-1])


class Counter(Generic[KeyT]):
    """Numbers by key that only grow."""

    def __init__(self, about: Description, attributes: Callable[[KeyT], Attributes]) -> None:
        self._about = about
        self._attributes = attributes
        self._counts: dict[KeyT, int] = {}
        self._overflow = 0

    def add(self, key: KeyT) -> None:
        """Count one."""
        count = self._counts.get(key)
        if count is None and len(self._counts) >= MAXIMUM_POINTS:
            self._overflow += 1
        else:
            self._counts[key] = (count or 0) + 1

    def read(self) -> Series:
        """All that was counted since the start."""
        points = [Point(self._attributes(key), count) for key, count in self._counts.copy().items()]
        if self._overflow:
            points.append(Point(OVERFLOW, self._overflow))
        return Series("counter", self._about, points)


class Gauge:
    """What is read only when it is exported; `level`: a number that may be added up over several gateways."""

    def __init__(self, about: Description, read: Callable[[], Iterable[Point]], *, level: bool = False) -> None:
        self._about = about
        self._read = read
        self._level = level

    def read(self) -> Series:
        """What holds now; nothing where it can't be told."""
        return Series("level" if self._level else "gauge", self._about, list(self._read()))
