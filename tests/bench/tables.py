"""Results as text: Markdown tables for the page, and the line on the cost of trust."""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, sub, truediv
from typing import Final

from tests.bench.line_up import TITLES
from tests.bench.measure import Sample
from tests.bench.results import LEVEL, Row, Rows, compared, foreign, is_quiet, machine

BUDGET: Final = 80.0
"""Budget in microseconds for identity, policy, and audit per call."""


def page(sets: Mapping[str, Rows], levels: Sequence[int]) -> str:
    """All tables of the page."""
    parts = [about(sets)]
    for name, rows in sets.items():
        parts += [f"### {TITLES[name]}", costs(rows)]
        if "direct" in rows:
            parts.append(latencies(rows, levels))
        if name == "trust":
            parts.append(trust(rows))
    return "\n\n".join(parts)


def about(sets: Mapping[str, Rows]) -> str:
    """The machine, and whether it was otherwise idle."""
    where = machine()
    text = (
        f"{where['processors']} processors ({where['processor']}), Linux {where['kernel']}, Python {where['python']}, "
        f"commit {where['commit']}."
    )
    if is_quiet(sets):
        return text
    return f"{text} **The machine was not idle: other processes used {foreign(sets):.2f} processors.**"


def costs(rows: Rows) -> str:
    """The table of CPU time, throughput, and memory."""
    naive = rows.get("naive")
    header = [
        "",
        "CPU µs/call",
        "CPU µs/call in helper processes",
        "÷ naive gateway",
        "calls/s",
        "calls per CPU second",
        "peak MiB",
    ]
    body = [[row.competitor.label, *_costs(row, naive)] for row in rows.values()]
    return _table(header, body)


def _costs(row: Row, naive: Row | None) -> list[str]:
    if not row.turns:
        return [f"not measured: {row.failure.splitlines()[0][:80]}", "", "", "", "", ""]
    cpu = row.median(lambda sample: sample.cpu)
    return [
        _number(cpu),
        _number(row.median(lambda sample: sample.helpers_cpu)),
        _number(compared(row, naive, truediv), 2) if naive is not None else "",
        _number(row.saturation),
        _number(1e6 / cpu),
        _number(row.memory / 2**20),
    ]


def by_level(rows: Rows) -> str:
    """The table of CPU time and latency, with one line for each row and number of concurrent calls."""
    header = ["", "concurrent calls", "CPU µs/call", "in the kernel", "calls/s", "p50 in ms", "p99 in ms", "peak MiB"]
    return _table(header, [_level(row, level) for row in rows.values() for level in row.levels])


def _level(row: Row, level: int) -> list[str]:
    medians = (_number(row.median(how, level), digits) for how, digits in _OF_LEVEL)
    return [row.competitor.label, f"{level}", *medians, _number(row.memory / 2**20)]


def latencies(rows: Rows, levels: Sequence[int]) -> str:
    """The table of latency added to a direct call to the upstream at the same concurrency."""
    direct = rows["direct"]
    header = [
        "added latency in ms, p50 / p99",
        *(f"{level} concurrent" for level in levels),
        "half load: total latency",
    ]
    return _table(header, [_latencies(row, direct, levels) for row in rows.values() if row is not direct and row.turns])


def _latencies(row: Row, direct: Row, levels: Sequence[int]) -> list[str]:
    def added(value: Callable[[Sample], float], level: int) -> float:
        return row.median(value, level) - direct.median(value, level)

    return [
        row.competitor.label,
        *(_pair(added(_P50, level), added(_P99, level)) for level in levels),
        _pair(row.median(_P50, offered=True), row.median(_P99, offered=True)) if _pace_was_held(row) else "–",
    ]


def _pace_was_held(row: Row) -> bool:
    """Whether the generator kept its rate."""
    samples = row.samples(LEVEL, offered=True)
    return all(sample.offered_rate is not None and sample.rate > _HELD * sample.offered_rate for sample in samples)


_HELD: Final = 0.95
_P50: Final = attrgetter("p50")
_P99: Final = attrgetter("p99")


_OF_LEVEL: Final[Sequence[tuple[Callable[[Sample], float], int]]] = (
    (attrgetter("cpu"), 0),
    (attrgetter("system_cpu"), 0),
    (attrgetter("rate"), 0),
    (lambda sample: sample.p50 * 1e3, 2),
    (lambda sample: sample.p99 * 1e3, 2),
)


def _pair(p50: float, p99: float) -> str:
    return f"{_number(p50 * 1e3, 2)} / {_number(p99 * 1e3, 2)}"


def trust(rows: Rows) -> str:
    """The line that states what identity, policy, and audit add to a call."""
    bare = rows.get("bare")
    if bare is None or not bare.turns:
        return "trust: the bare gateway was not measured"
    cells = [f"bare {_number(bare.median(lambda sample: sample.cpu))}"]
    for name in ("audit", "policy", "trust", "everything"):
        row = rows.get(name)
        if row is not None:
            added = f"{compared(row, bare, sub):+.0f}" if row.turns else "not measured"
            cells.append(f"{row.competitor.label.removeprefix('bare + ')} {added}")
    echo, echo_tls, whole = rows.get("echo"), rows.get("echo-tls"), rows.get("trust")
    if echo is not None and echo_tls is not None and echo.turns and echo_tls.turns:
        cells.append(f"TLS alone, measured with the echo, {compared(echo_tls, echo, sub):+.0f}")
    line = f"CPU µs per call, {LEVEL} concurrent calls: " + "; ".join(cells)
    if whole is not None and whole.turns:
        line += f". Identity, policy, and audit add {compared(whole, bare, sub):.0f} µs; the budget is {BUDGET:.0f} µs."
    return line


def _number(value: float, digits: int = 0) -> str:
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *body))
