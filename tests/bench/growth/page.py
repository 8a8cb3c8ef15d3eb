"""Measured curves as files: the figures as JSON, a plot of each curve, and the tables of docs/growth.md."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.bench import tools
from tests.bench.growth.curve import Curve, Line
from tests.bench.growth.plot import svg

DOCS: Final = tools.ROOT / "docs"
_FIGURES: Final = "growth/growth.json"
_PAGE: Final = "growth.md"
_BEGIN: Final = '<!-- curves: begin; written by `make growth ARGS="--publish"` -->'
_END: Final = "<!-- curves: end -->"


def table(curve: Curve) -> str:
    """The exponents, and the costs by size, in Markdown."""
    sizes = sorted({size for line in curve.lines for size in line.costs})
    header = ["", "exponent", "lowest possible", *(f"{size:,}" for size in sizes)]
    rows = [_row(line, sizes) for line in curve.lines]
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def _row(line: Line, sizes: Iterable[int]) -> list[str]:
    slope = "–" if line.exponent is None else f"{line.exponent:.2f}"
    return [
        line.label,
        f"**{slope}**" if line.grows_too_fast else slope,
        f"{line.least:g}",
        *(_number(line.costs[size]) if size in line.costs else "–" for size in sizes),
    ]


def _number(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"


def publish(curves: Iterable[Curve], docs: Path = DOCS) -> None:
    """Write the figures of these curves, keep those of the others, and write the plots and tables of all."""
    known = {curve.name: curve for curve in read(docs)} | {curve.name: curve for curve in curves}
    ordered = sorted(known.values(), key=lambda curve: curve.title)
    figures = {curve.name: _as_json(curve) for curve in ordered}
    (docs / _FIGURES).parent.mkdir(exist_ok=True)
    (docs / _FIGURES).write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    for name, content in rendered(docs).items():
        (docs / name).write_text(content)


def rendered(docs: Path = DOCS) -> Mapping[str, str]:
    """The contents of the page and the plots, from the figures."""
    curves = read(docs)
    before, _, rest = (docs / _PAGE).read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    content = "\n\n".join(_section(curve) for curve in curves)
    page = f"{before}{_BEGIN}\n\n{content}\n\n{_END}{after}"
    return {_PAGE: page, **{f"growth/{curve.name}.svg": svg(curve) for curve in curves}}


def read(docs: Path = DOCS) -> list[Curve]:
    """The published curves."""
    path = docs / _FIGURES
    figures: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return [_from_json(name, given) for name, given in figures.items()]


def _section(curve: Curve) -> str:
    picture = f"![{curve.title}: {curve.unit} by {curve.axis}](growth/{curve.name}.svg)"
    return f"### {curve.title}\n\n{curve.unit}, by {curve.axis}. {curve.conditions}\n\n{picture}\n\n{table(curve)}"


def _as_json(curve: Curve) -> dict[str, Any]:
    lines = [{"label": line.label, "least": line.least, "costs": dict(line.costs)} for line in curve.lines]
    return {
        "title": curve.title,
        "axis": curve.axis,
        "unit": curve.unit,
        "conditions": curve.conditions,
        "lines": lines,
    }


def _from_json(name: str, given: Mapping[str, Any]) -> Curve:
    lines = [
        Line(line["label"], line["least"], {int(size): cost for size, cost in line["costs"].items()})
        for line in given["lines"]
    ]
    return Curve(name, given["title"], given["axis"], given["unit"], lines, given["conditions"])
