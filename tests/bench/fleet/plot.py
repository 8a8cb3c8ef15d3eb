"""The plot of a simulation, as SVG: calls, and requests at the upstream, over time."""

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.fleet.findings import counts
from tests.bench.fleet.simulation import Recording

_WIDTH: Final = 860
_LEFT: Final = 60
_RIGHT: Final = 20
_TITLE: Final = 44
_HEIGHT: Final = 150
_AXIS: Final = 40
_STEP: Final = 0.5
_TICKS: Final = 5
_PHASES: Final = (("slow", "#fdf3dc"), ("failed", "#f9e0df"))
_LINES: Final = (("attempts", "calls with the retries of the callers", "#9db4c8"),
                 ("requests", "requests at the upstream", "#c2410c"),
                 ("in_time", "calls that succeed within a second", "#2563a8"))  # fmt: skip


def svg(recordings: Sequence[Recording]) -> str:
    """Return the complete plot: one panel per recording."""
    height = len(recordings) * (_TITLE + _HEIGHT + _AXIS)
    parts: list[str] = []
    for number, recording in enumerate(recordings):
        parts += _panel(recording, number * (_TITLE + _HEIGHT + _AXIS))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">'
    )
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, ground, *parts, "</svg>", ""))


def _panel(recording: Recording, top: int) -> list[str]:
    plan = recording.plan
    series = {name: counts(getattr(recording, name), 0, plan.ends, _STEP) for name, _, _ in _LINES}
    highest = max(max(values) for values in series.values())
    across, up = (_WIDTH - _LEFT - _RIGHT) / plan.ends, _HEIGHT / highest
    base = top + _TITLE + _HEIGHT
    parts = [_text(_LEFT, top + 16, f"{plan.gateways} gateways, {plan.load:g} calls per second; {plan.name}", "bold")]
    for (name, colour), start, end in zip(_PHASES, (plan.slows, plan.fails), (plan.fails, plan.returns), strict=True):
        x, width = _LEFT + start * across, (end - start) * across
        parts.append(f'<rect x="{x:.1f}" y="{base - _HEIGHT}" width="{width:.1f}" height="{_HEIGHT}" fill="{colour}"/>')
        parts.append(_text(x + 4, base - _HEIGHT + 14, name))
    for number, (name, label, colour) in enumerate(_LINES):
        places = [(_LEFT + index * _STEP * across, base - value * up) for index, value in enumerate(series[name])]
        points = (f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        left = _LEFT + number * 265
        parts.append(f'<rect x="{left}" y="{top + 26}" width="12" height="8" fill="{colour}"/>')
        parts.append(_text(left + 17, top + 35, label))
    parts.append(f'<path d="M{_LEFT} {base - _HEIGHT}V{base}H{_WIDTH - _RIGHT}" fill="none" stroke="#222222"/>')
    parts += [_text(_LEFT + second * across, base + 16, f"{second} s") for second in range(0, int(plan.ends), 10)]
    usual = plan.load * _STEP
    tick = max(1, math.ceil(highest / usual / _TICKS))
    for multiple in range(tick, int(highest / usual) + 1, tick):
        parts.append(_text(8, base - multiple * usual * up + 4, f"{multiple} ×"))
    return parts


def _text(x: float, y: float, content: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" fill="#222222">{escape(content)}</text>'
