"""Targets and measured values, as a table and as JSON. Does not know how they are measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.bench.intervals import Interval

Decision = Literal["met", "not met", "not decided", "not measured"]


@dataclass(frozen=True)
class Verdict:
    """One target.

    at_least: the bound is a minimum, not a maximum. remark: additional information. interval: of the measured value;
    without one, the value is a limit that every single call or run has to keep, and decides by itself.
    """

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False
    remark: str = ""
    interval: Interval | None = None

    @classmethod
    def of(
        cls, what: str, interval: Interval, bound: float, unit: str = "", *, at_least: bool = False, remark: str = ""
    ) -> "Verdict":
        """A target that is decided by an interval."""
        return cls(what, interval.value, bound, unit, at_least, remark, interval)

    @property
    def decision(self) -> Decision:
        """Whether the target is met: only if the whole interval is on one side of the bound."""
        if math.isnan(self.measured):
            return "not measured"
        low, high = (self.interval.low, self.interval.high) if self.interval else (self.measured, self.measured)
        if self.at_least:
            low, high, bound = -high, -low, -self.bound
        else:
            bound = self.bound
        return "met" if high <= bound else "not met" if low > bound else "not decided"

    @property
    def met(self) -> bool:
        """Whether the target is certainly met."""
        return self.decision == "met"

    def as_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        bounds = (self.interval.low, self.interval.high) if self.interval else (math.nan, math.nan)
        return {
            "what": self.what,
            "bound": _finite(self.bound),
            "at_least": self.at_least,
            "measured": _finite(self.measured),
            "interval": [_finite(value) for value in bounds],
            "unit": self.unit,
            "decision": self.decision,
            "remark": self.remark,
        }


def table(verdicts: Sequence[Verdict]) -> str:
    """In Markdown."""
    rows = ["| | target | measured | interval | verdict | |", "| --- | ---: | ---: | ---: | --- | --- |"]
    return "\n".join((*rows, *(_row(verdict) for verdict in verdicts)))


def all_met(verdicts: Sequence[Verdict]) -> bool:
    """Whether every target is met."""
    return all(verdict.met for verdict in verdicts)


def _row(verdict: Verdict) -> str:
    sign = "≥" if verdict.at_least else "≤"
    bound, measured = (_number(value, verdict.unit) for value in (verdict.bound, verdict.measured))
    decision = verdict.decision
    shown = f"**{decision}**" if decision == "not met" else decision
    return f"| {verdict.what} | {sign} {bound} | {measured} | {_interval(verdict)} | {shown} | {verdict.remark} |"


def _interval(verdict: Verdict) -> str:
    if verdict.interval is None or not verdict.interval.is_measured:
        return ""
    low, high = verdict.interval.low, verdict.interval.high
    if not math.isfinite(low) or not math.isfinite(high):
        return "too few rounds"
    return f"{_number(low, '')} to {_number(high, '')}"


def _number(value: float, unit: str) -> str:
    if math.isinf(value):
        return "never"
    return "–" if math.isnan(value) else f"{value:,.{_digits(value)}f} {unit}".rstrip()


def _digits(value: float) -> int:
    return 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
