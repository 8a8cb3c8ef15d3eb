"""The metrics and labels that a PromQL expression uses."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import promql_parser

TARGET_LABELS: Final = frozenset({"instance", "job", "le", "pod"})
"""Labels that Prometheus adds to all metrics of a target, and the label of buckets."""
OWN_METRICS: Final[Mapping[str, Collection[str]]] = {"up": (), "ALERTS": ("alertname", "alertstate", "severity")}
"""Metrics that Prometheus itself adds."""

_CHILDREN: Final = ("lhs", "rhs", "expr", "param", "vector_selector", "args")


def metrics(expression: str) -> frozenset[str]:
    """Return the names of the metrics that an expression selects."""
    return frozenset(selector.name for selector in _selectors(promql_parser.parse(expression)))


def unknown_names(expression: str, known: Mapping[str, Collection[str]]) -> list[str]:
    """Return each metric, and each label of a metric, that an expression uses and that is not known.

    known: the labels of each metric.
    """
    tree = promql_parser.parse(expression)
    return [
        *(f"{name}{{{label}}}" if label else name for name, label in _used(tree) if not _is_known(name, label, known)),
        *(f"{label} of an aggregation" for label in _grouping_labels(tree, known)),
    ]


def labels(expression: str, known: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return all labels that the metrics in an expression have."""
    return frozenset(label for name in metrics(expression) for label in known.get(name, ()))


def _used(tree: Any) -> Iterator[tuple[str, str]]:
    for selector in _selectors(tree):
        yield selector.name, ""
        for matcher in selector.matchers.matchers:
            yield selector.name, matcher.name


def _is_known(name: str, label: str, known: Mapping[str, Collection[str]]) -> bool:
    own = known.get(name, OWN_METRICS.get(name))
    return own is not None and (not label or label in TARGET_LABELS or label in own)


def _grouping_labels(tree: Any, known: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield each label of `by`, `without`, and `on` that no metric below it has."""
    for node in _nodes(tree):
        modifier = getattr(node, "modifier", None)
        grouping = getattr(modifier, "matching", modifier)
        names = getattr(grouping, "labels", None) or ()
        below = {label for selector in _selectors(node) for label in known.get(selector.name, ())}
        yield from (label for label in names if label not in below | TARGET_LABELS)


def _selectors(tree: Any) -> Iterator[Any]:
    return (node for node in _nodes(tree) if isinstance(node, promql_parser.VectorSelector))


def _nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for name in _CHILDREN:
        children = getattr(tree, name, None)
        for child in children if isinstance(children, list | tuple) else [children]:
            if child is not None:
                yield from _nodes(child)
