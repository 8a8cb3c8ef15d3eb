"""The dashboards of deploy/grafana: they match their generator, and use metrics that exist."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.generator.__main__ import main
from tests.support import monitoring, promql

FILES = sorted(monitoring.DASHBOARDS.glob("*.json"))


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return found


def test_committed_dashboards_match_their_generator(tmp_path: Path) -> None:
    main(tmp_path)
    assert {path.name: path.read_text() for path in FILES} == {
        path.name: path.read_text() for path in tmp_path.iterdir()
    }
    assert [path.stem for path in FILES] == [
        f"keyway-{name}" for name in ("audit", "certificates", "gateway", "providers")
    ]


@pytest.mark.parametrize(
    ("title", "expression"), list(monitoring.queries()), ids=[one for one, _ in monitoring.queries()]
)
def test_query_uses_described_metrics_and_labels(title: str, expression: str) -> None:
    assert "$" not in expression
    assert promql.unknown_names(expression, monitoring.described()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_do_not_overlap_and_are_explained(path: Path) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels(path):
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not own & cells, panel["title"]
        cells |= own
        assert panel["type"] == "row" or panel["description"].endswith(".")
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in panels(path)}) == len(panels(path))


def test_dashboards_show_every_metric() -> None:
    shown = {name for _, expression in monitoring.queries() for name in promql.metrics(expression)}
    series = shown | {name.rsplit("_", 1)[0] for name in shown if name.endswith(("_bucket", "_count", "_sum"))}
    assert monitoring.described_metrics() - series == set()


def test_titles_of_queries_are_unique() -> None:
    titles = [title for title, _ in monitoring.queries()]
    assert len(set(titles)) == len(titles)
