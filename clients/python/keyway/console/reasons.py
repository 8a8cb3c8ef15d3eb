"""Explanations of error reasons and their fixes. reasons.json is generated from docs/troubleshooting.md."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class ReasonText:
    """The meaning of a reason, and its fix. Backquotes mark names."""

    meaning: str
    fix: str


@cache
def _texts() -> Mapping[str, ReasonText]:
    rows = json.loads(files("keyway.console").joinpath("reasons.json").read_text(encoding="utf-8"))
    return {reason: ReasonText(**row) for reason, row in rows.items()}


def reason_text(reason: str) -> ReasonText | None:
    """Return the text of a reason; None if this version does not know it."""
    return _texts().get(reason)
