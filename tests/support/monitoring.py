"""The rules of deploy/prometheus and the dashboards of deploy/grafana: their queries, and the names that exist."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.telemetry.prometheus import exposed_name
from gateway.telemetry.reference import SECTIONS
from tests.support import promql

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy/prometheus"
DASHBOARDS: Final = ROOT / "deploy/grafana"
_VARIABLES: Final = {"$instance": ".*", "$provider": ".*"}


def rules(file: str) -> list[dict[str, Any]]:
    """Return the rules of a file in deploy/prometheus, in order."""
    groups = yaml.safe_load((RULES / file).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each rule as its name and its expression."""
    for rule in [*rules("recording.yaml"), *rules("alerts.yaml")]:
        yield rule.get("record") or rule["alert"], rule["expr"]


def queries(interval: str = "1m") -> Iterator[tuple[str, str]]:
    """Yield each query of the dashboards: the titles of dashboard and panel, and the expression for all gateways.

    interval: what Grafana inserts for the interval of rates.
    """
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"].replace("$__rate_interval", interval)
                for variable, value in _VARIABLES.items():
                    expression = expression.replace(variable, value)
                yield f"{dashboard['title']} {panel['id']}: {panel['title']} {target['refId']}", expression


def described_metrics() -> frozenset[str]:
    """Return the name of each metric of the reference page."""
    return frozenset(exposed_name(about) for section in SECTIONS.values() for about in section)


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
