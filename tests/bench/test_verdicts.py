"""Verdicts state which targets are met, not met, or not measured, and the figures they are based on."""

import math
from pathlib import Path

import pytest

from tests.bench import targets
from tests.bench.line_up import SETS
from tests.bench.measure import Sample, Turn
from tests.bench.results import Row
from tests.bench.verdicts import Verdict, table

NAN = float("nan")


@pytest.mark.parametrize(
    ("verdict", "met"),
    [
        (Verdict("most", 1.0, 1.0), True),
        (Verdict("most", 1.1, 1.0), False),
        (Verdict("least", 0.92, 0.92, at_least=True), True),
        (Verdict("least", 0.9, 0.92, at_least=True), False),
        (Verdict("nothing", NAN, 1.0), None),
        (Verdict("never", float("inf"), 1.0), False),
    ],
)
def test_a_target_is_met_at_its_limit(verdict: Verdict, met: bool | None) -> None:
    assert verdict.met is met


def test_the_table_shows_met_not_met_and_not_measured() -> None:
    lines = table([Verdict("cost", 12.34, 80.0, "µs", remark="of 3"), Verdict("gone", NAN, 5.0)]).splitlines()
    assert lines[2] == "| cost | ≤ 80 µs | 12.3 µs | yes | of 3 |"
    assert "| never | **no** |" in table([Verdict("never", float("inf"), 5.0, "s")])
    assert lines[3] == "| gone | ≤ 5 | – | not measured |  |"


def test_unmeasured_values_are_null_in_json() -> None:
    assert Verdict("gone", NAN, NAN).as_json()["measured"] is None
    assert Verdict("never", float("inf"), 5.0).as_json()["measured"] is None


def test_targets_are_compared_within_rounds() -> None:
    """A slow round affects both sides; a batch is counted by its items."""

    def row(name: str, level: int, *costs: float) -> Row:
        samples = [Sample(level, 1000, 1e6 / cost, cost, 0.0, 0.0, 0.0, 0.001, 0.002, 0.0) for cost in costs]
        return Row(SETS["plaintext"][0], [Turn([sample], 0) for sample in samples])

    rows = {key: Row(SETS["plaintext"][0]) for key in targets.WANTED}
    rows["bare"] = row("bare", 64, 100.0, 300.0)
    rows["naive"] = row("naive", 64, 200.0, 600.0)
    rows["batch"] = row("batch", 1, 4000.0, 12000.0)
    found = {verdict.what: verdict.measured for verdict in targets.of_rows(rows, [0.002])}
    assert found["bare: CPU per call ÷ naive gateway"] == 0.5
    assert found["BatchEncrypt of 100: CPU per item ÷ single call"] == 0.4
    unmeasured = [what for what, value in found.items() if math.isnan(value)]
    assert len(unmeasured) == len(found) - 2


def test_measuring_a_sync_takes_time_and_leaves_no_file(tmp_path: Path) -> None:
    assert targets.sync_seconds(tmp_path) > 0
    assert not list(tmp_path.iterdir())
