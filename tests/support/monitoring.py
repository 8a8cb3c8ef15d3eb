"""The rules of deploy/prometheus, and the names that they can use."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.telemetry.prometheus import exposed_name
from gateway.telemetry.reference import SECTIONS
from tests.support import promql

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy/prometheus"


def rules(file: str) -> list[dict[str, Any]]:
    """Return the rules of a file in deploy/prometheus, in order."""
    groups = yaml.safe_load((RULES / file).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each rule as its name and its expression."""
    for rule in [*rules("recording.yaml"), *rules("alerts.yaml")]:
        yield rule.get("record") or rule["alert"], rule["expr"]


def described() -> dict[str, frozenset[str]]:
    """Return the labels of each metric of the reference page, with the label for the worker."""
    known: dict[str, frozenset[str]] = {}
    for about in (about for section in SECTIONS.values() for about in section):
        labels = frozenset({*(label.name.replace(".", "_") for label in about.labels), "worker"})
        suffixes = ("_bucket", "_count", "_sum") if about.kind == "histogram" else ("",)
        known.update({exposed_name(about) + suffix: labels for suffix in suffixes})
    return known


def with_recorded(known: Mapping[str, Collection[str]]) -> dict[str, Collection[str]]:
    """Return the metrics together with those that the recording rules add."""
    result = dict(known)
    for rule in rules("recording.yaml"):
        result[rule["record"]] = promql.labels(rule["expr"], result)
    return result
