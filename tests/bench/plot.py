"""The plot of CPU time per call, one bar per competitor, as SVG."""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.line_up import TITLES
from tests.bench.results import LEVEL, Row, Rows

_WIDTH: Final = 860
_LABELS: Final = 300
_BAR: Final = 20
_GAP: Final = 6
_TITLE: Final = 34
_MARGIN: Final = 16
_COLOURS: Final = {"gateway": "#2563a8", "openbao": "#b8860b", "direct": "#7a7a7a"}
_OTHER: Final = "#9db4c8"


def svg(sets: Mapping[str, Rows]) -> str:
    """The complete plot: one group of bars per set, all on one scale."""
    measured = {name: [row for row in rows.values() if row.turns] for name, rows in sets.items()}
    longest = max((_cpu(row) for rows in measured.values() for row in rows), default=1.0)
    scale = (_WIDTH - _LABELS - 80) / longest
    parts: list[str] = []
    y = _MARGIN
    for name, rows in measured.items():
        parts.append(_text(_MARGIN, y + 16, f"{TITLES[name]}: CPU µs per call, {LEVEL} concurrent", weight="bold"))
        y += _TITLE
        for row in rows:
            parts += _bar(row, y, scale)
            y += _BAR + _GAP
        y += _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
        'font-family="sans-serif" font-size="13">'
    )
    ground = f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>'
    return "\n".join((head, ground, *parts, "</svg>", ""))


def _bar(row: Row, y: int, scale: float) -> list[str]:
    cpu = _cpu(row)
    colour = _COLOURS.get(row.competitor.kind, _OTHER)
    width = max(1.0, cpu * scale)
    return [
        _text(_LABELS - 8, y + 15, row.competitor.label, anchor="end"),
        f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        _text(_LABELS + width + 6, y + 15, f"{cpu:.0f}"),
    ]


def _text(x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="#222222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(content)}</text>'


def _cpu(row: Row) -> float:
    return row.median(lambda sample: sample.cpu)
