"""A comparison of two trees reports what moved beyond noise, and leaves nothing behind."""

import math
import os
import subprocess
from collections.abc import Sequence

import pytest

from tests.bench import compare, tools
from tests.bench.compare import Change
from tests.bench.intervals import Interval
from tests.bench.line_up import SETS
from tests.bench.measure import Sample, Turn
from tests.bench.results import Row


def row(costs: Sequence[float]) -> Row:
    return Row(SETS["plaintext"][0], [Turn([_sample(1, cost), _sample(64, cost)], 2**20) for cost in costs])


def _sample(level: int, cost: float) -> Sample:
    return Sample(level, 1000, 1.0, cost, 0.0, 0.0, 0.0, cost * 1e-6, 0.0, 0.0)


def verdicts(before: Sequence[float], after: Sequence[float]) -> dict[str, str]:
    return {one.quantity: one.verdict for one in compare.changes_of(row(before), row(after))}


def test_a_row_that_is_slower_in_every_round_is_worse() -> None:
    noisy = [100.0, 300.0, 110.0, 95.0, 250.0, 100.0, 105.0, 120.0]
    found = verdicts(noisy, [cost * 1.03 for cost in noisy])
    assert found.pop("peak MiB") == "within noise"
    assert set(found.values()) == {"worse"}
    assert set(verdicts([cost * 1.03 for cost in noisy], noisy).values()) == {"better", "within noise"}


def test_a_row_that_is_slower_in_most_rounds_is_within_noise() -> None:
    after = [110.0, 110.0, 110.0, 110.0, 110.0, 110.0, 110.0, 99.0]
    assert set(verdicts([100.0] * 8, after).values()) == {"within noise"}


def test_too_few_rounds_show_nothing() -> None:
    assert set(verdicts([100.0] * 7, [200.0] * 7).values()) == {"within noise"}


@pytest.mark.parametrize(("ratio", "verdict"), [(1.019, "within noise"), (1.021, "worse"), (0.97, "better")])
def test_instructions_have_a_margin(ratio: float, verdict: str) -> None:
    assert Change("bare", "instructions", 1, 1, Interval(ratio, ratio, ratio), 0.02).verdict == verdict


def test_rows_that_moved_come_first() -> None:
    changes = [
        Change("same", "cpu", 100, 100, Interval(1.0, 0.9, 1.1)),
        Change("slow", "cpu", 1000, 2000, Interval(2.0, 1.9, 2.1)),
    ]
    lines = compare.table(changes).splitlines()
    assert lines[2] == "| slow | cpu | 1,000 | 2,000 | 2.000 (1.900 to 2.100) | worse |"
    assert "within noise" in lines[3]
    few = compare.table([Change("few", "cpu", 1, 1, Interval(1.0, -math.inf, math.inf))])
    assert "| 1.000 (too few rounds) | within noise |" in few
    assert compare.any_is_worse(changes)
    assert not compare.any_is_worse(changes[:1])


def test_an_unknown_revision_is_an_error_and_leaves_no_tree() -> None:
    with pytest.raises(compare.RevisionError), compare.revision("no-such-revision"):
        pytest.fail("the revision exists")
    listed = subprocess.run(("git", "worktree", "list"), cwd=tools.ROOT, capture_output=True, text=True, check=True)
    assert f"compare-{os.getpid()}" not in listed.stdout
