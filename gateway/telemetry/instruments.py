"""Metric instruments that count in plain lists: less than a microsecond per measurement, instead of ten with the SDK.

The event loop records, and exporter threads read. A read copies each list in one step and needs no lock; the sum of a
histogram can be one measurement behind its counts. Does not depend on exporters.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, Generic, Literal, NamedTuple, Protocol, TypeVar

AttributeValue = str | int
Attributes = Mapping[str, AttributeValue]
KeyT = TypeVar("KeyT", bound=Hashable)

DURATION_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The buckets of all histograms of durations, in seconds."""
MAXIMUM_POINTS: Final = 2000
OVERFLOW: Final[Attributes] = {"otel.metric.overflow": "true"}
"""The attributes of the point that counts everything beyond MAXIMUM_POINTS."""


Kind = Literal["histogram", "counter", "level", "gauge"]
"""level: a gauge whose values of several gateways can be added up."""


class Label(NamedTuple):
    """An attribute of the points of an instrument. values: which values it can have, in words."""

    name: str
    values: str


class Description(NamedTuple):
    """What an instrument measures, in a unit (UCUM). labels and advice are for the reference page.

    text: one line, which exporters send with the values. advice: what an operator does with the values, in Markdown.
    """

    name: str
    kind: Kind
    unit: str
    text: str
    labels: tuple[Label, ...] = ()
    advice: str = ""


class Distribution(NamedTuple):
    """The number of values in each bucket, of which the last is unbounded, and their sum."""

    counts: Sequence[int]
    total: float


class Point(NamedTuple):
    """A value with its attributes."""

    attributes: Attributes
    value: float | Distribution


class Series(NamedTuple):
    """All points of an instrument at one moment. bounds: inclusive upper bounds of the buckets of a histogram."""

    about: Description
    points: Sequence[Point]
    bounds: Sequence[float] = ()


class Instrument(Protocol):
    """What exporters read."""

    def read(self) -> Series:
        """Return the current points."""


class Histogram(Generic[KeyT]):
    """A histogram by key. attributes: returns the attributes of a key."""

    def __init__(self, about: Description, bounds: Sequence[float], attributes: Callable[[KeyT], Attributes]) -> None:
        self._about = about
        self._bounds = tuple(bounds)
        self._attributes = attributes
        self._cells: dict[KeyT, list[float]] = {}
        self._overflow: list[float] = self._cell()

    def record(self, key: KeyT, value: float) -> None:
        """Record one value."""
        cell = self._cells.get(key)
        if cell is None:
            cell = self._new(key)
        cell[bisect_left(self._bounds, value)] += 1
        cell[-1] += value

    def read(self) -> Series:
        """Return everything since the start."""
        cells = self._cells.copy()
        points = [Point(self._attributes(key), _distribution(cell)) for key, cell in cells.items()]
        overflow = _distribution(self._overflow)
        if any(overflow.counts):
            points.append(Point(OVERFLOW, overflow))
        return Series(self._about, points, self._bounds)

    def totals(self) -> list[int]:
        """Return the numbers of values since the start by bucket, over all keys."""
        cells = [*self._cells.values(), self._overflow]
        return [int(sum(counts)) for counts in list(zip(*cells, strict=True))[:-1]]

    def _new(self, key: KeyT) -> list[float]:
        if len(self._cells) >= MAXIMUM_POINTS:
            return self._overflow
        cell = self._cells[key] = self._cell()
        return cell

    def _cell(self) -> list[float]:
        """Return zero counts for each bucket, and a zero sum."""
        return [0] * (len(self._bounds) + 1) + [0.0]


def _distribution(cell: list[float]) -> Distribution:
    cell = cell.copy()
    return Distribution([int(count) for count in cell[:-1]], cell[-1])


class Counter(Generic[KeyT]):
    """A monotonic counter by key."""

    def __init__(self, about: Description, attributes: Callable[[KeyT], Attributes]) -> None:
        self._about = about
        self._attributes = attributes
        self._counts: dict[KeyT, int] = {}
        self._overflow = 0

    def add(self, key: KeyT) -> None:
        """Add one."""
        count = self._counts.get(key)
        if count is None and len(self._counts) >= MAXIMUM_POINTS:
            self._overflow += 1
        else:
            self._counts[key] = (count or 0) + 1

    def read(self) -> Series:
        """Return everything since the start."""
        points = [Point(self._attributes(key), count) for key, count in self._counts.copy().items()]
        if self._overflow:
            points.append(Point(OVERFLOW, self._overflow))
        return Series(self._about, points)


class Observable:
    """An instrument whose owner counts; it is read only for an export."""

    def __init__(self, about: Description, read: Callable[[], Iterable[Point]]) -> None:
        self._about = about
        self._read = read

    def read(self) -> Series:
        """Return the current points."""
        return Series(self._about, list(self._read()))
