"""Targets and measured values, as a table and as JSON. Does not know how they are measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """One target. at_least: the bound is a minimum, not a maximum. remark: additional information."""

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if it was not measured."""
        if math.isnan(self.measured):
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def as_json(self) -> dict[str, Any]:
        """The verdicts as JSON."""
        return {
            "what": self.what,
            "bound": self.bound if math.isfinite(self.bound) else None,
            "at_least": self.at_least,
            "measured": self.measured if math.isfinite(self.measured) else None,
            "unit": self.unit,
            "met": self.met,
            "remark": self.remark,
        }


def table(verdicts: Sequence[Verdict]) -> str:
    """In Markdown."""
    rows = ["| | target | measured | met | |", "| --- | ---: | ---: | --- | --- |"]
    return "\n".join((*rows, *(_row(verdict) for verdict in verdicts)))


def _row(verdict: Verdict) -> str:
    sign = "≥" if verdict.at_least else "≤"
    met = {True: "yes", False: "**no**", None: "not measured"}[verdict.met]
    bound, measured = (_number(value, verdict.unit) for value in (verdict.bound, verdict.measured))
    return f"| {verdict.what} | {sign} {bound} | {measured} | {met} | {verdict.remark} |"


def _number(value: float, unit: str) -> str:
    if math.isinf(value):
        return "never"
    return "–" if math.isnan(value) else f"{value:,.{_digits(value)}f} {unit}".rstrip()


def _digits(value: float) -> int:
    return 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
