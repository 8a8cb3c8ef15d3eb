"""The plot of a curve as SVG: costs by size, both on logarithmic scales."""

import math
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.growth.curve import Curve, Line

_WIDTH: Final = 860
_LEFT: Final = 80
_RIGHT: Final = 20
_HEIGHT: Final = 280
_TITLE: Final = 30
_LEGEND_ROW: Final = 20
_AXIS: Final = 44
_COLOURS: Final = ("#2563a8", "#c2410c", "#15803d", "#7a3fa0", "#b8860b", "#0e7490", "#be185d", "#555555")
_COLUMNS: Final = 2


def svg(curve: Curve) -> str:
    """Return the complete plot."""
    legend = math.ceil(len(curve.lines) / _COLUMNS) * _LEGEND_ROW
    top = _TITLE + legend + 10
    height = top + _HEIGHT + _AXIS
    scale = _Scale(curve, top)
    parts = [_text(_LEFT, 20, f"{curve.title}: {curve.unit}", weight="bold")]
    for number, line in enumerate(curve.lines):
        parts += _legend(line, number)
    parts += scale.axes(curve.axis)
    for number, line in enumerate(curve.lines):
        parts += scale.line(line, _COLOURS[number % len(_COLOURS)])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">'
    )
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, ground, *parts, "</svg>", ""))


class _Scale:
    def __init__(self, curve: Curve, top: int) -> None:
        sizes = [size for line in curve.lines for size in line.costs]
        costs = [cost for line in curve.lines for cost in line.costs.values()]
        self._sizes = sorted(set(sizes))
        self._first, self._last = math.log10(min(sizes)), max(math.log10(max(sizes)), math.log10(min(sizes)) + 0.1)
        self._low, self._high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)) + 1e-9)
        self._top = top
        self._base = top + _HEIGHT

    def x(self, size: float) -> float:
        share = (math.log10(size) - self._first) / (self._last - self._first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT - 20)

    def y(self, cost: float) -> float:
        return self._base - (math.log10(cost) - self._low) / (self._high - self._low) * _HEIGHT

    def axes(self, name: str) -> list[str]:
        parts = []
        for power in range(self._low, self._high + 1):
            y = self.y(10.0**power)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>')
            parts.append(_text(_LEFT - 8, y + 4, f"{10.0**power:,.10g}", anchor="end"))
        free = 0.0
        for size in self._sizes:
            if self.x(size) >= free:
                parts.append(_text(self.x(size), self._base + 18, f"{size:,}", anchor="middle"))
                free = self.x(size) + 9 * len(f"{size:,}")
        parts.append(f'<path d="M{_LEFT} {self._top}V{self._base}H{_WIDTH - _RIGHT}" fill="none" stroke="#222222"/>')
        parts.append(_text(_WIDTH - _RIGHT, self._base + 38, name, anchor="end"))
        return parts

    def line(self, line: Line, colour: str) -> list[str]:
        places = [(self.x(size), self.y(cost)) for size, cost in sorted(line.costs.items())]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        return [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>', *marks]


def _legend(line: Line, number: int) -> list[str]:
    left = _LEFT + number % _COLUMNS * 390
    top = _TITLE + number // _COLUMNS * _LEGEND_ROW
    slope = f" (exponent {line.exponent:.2f})" if line.exponent is not None else ""
    return [
        f'<rect x="{left}" y="{top + 4}" width="12" height="8" fill="{_COLOURS[number % len(_COLOURS)]}"/>',
        _text(left + 17, top + 13, f"{line.label}{slope}"),
    ]


def _text(x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="#222222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(content)}</text>'
