"""Instructions per call, separated from the work per second, and the limits of the budget."""

import json
from pathlib import Path

import pytest

from tests.bench import instruction_budget, tools
from tests.bench.instruction_budget import limits, lowest, ratios
from tests.bench.instructions import Instructions, Measured, by_library, separated

ECHO = Instructions([500.0], 0.0)
_FIGURES = {"3.11.7, not optimized": {"bare": 580_000, "echo": 410_000}}


def test_work_per_second_is_subtracted() -> None:
    fast = [Measured(300, seconds, 300 * 1000 + round(seconds * 50_000)) for seconds in (5.0, 6.0, 9.0)]
    slow = Measured(40, 8.0, 40 * 1000 + 8 * 50_000)
    found = separated(fast, slow)
    assert found.median == pytest.approx(1000)
    assert found.per_second == pytest.approx(50_000)
    assert found.spread == pytest.approx(0)


def test_spread_is_relative_to_the_median() -> None:
    fast = [Measured(100, 1.0, instructions) for instructions in (99_000, 100_000, 102_000)]
    assert separated(fast, Measured(10, 1.0, 10_000)).spread == pytest.approx(0.03)


def test_a_known_build_has_the_smaller_margin() -> None:
    assert limits(_FIGURES, "3.11.7, not optimized") == {"bare": pytest.approx(580 / 410 * 1.03)}


def test_another_build_has_the_larger_margin() -> None:
    assert limits(_FIGURES, "3.11.2, optimized") == {"bare": pytest.approx(580 / 410 * 1.08)}


def test_a_row_is_compared_with_the_echo_of_the_same_run() -> None:
    assert ratios({"bare": Instructions([990.0, 1000.0, 1010.0], 0.0), "echo": ECHO}) == {"bare": 2.0}


@pytest.mark.parametrize("counts", [[900.0, 1000.0, 1010.0], [-5.0, 1000.0, 1000.0]])
def test_counts_that_do_not_agree_are_not_compared(counts: list[float]) -> None:
    assert ratios({"bare": Instructions(counts, 0.0), "echo": ECHO}) == {}
    assert ratios({"bare": ECHO, "echo": Instructions(counts, 0.0)}) == {}


def test_the_lowest_ratio_of_a_row_decides() -> None:
    assert lowest({"bare": 1.5, "cached": 1.0}, {"bare": 1.4, "everything": 3.0}) == {
        "bare": 1.4,
        "cached": 1.0,
        "everything": 3.0,
    }


CALLGRIND_OUTPUT = """\
version: 1
positions: line
events: Ir
ob=(1) /usr/lib/libc.so.6
fl=(1) malloc.c
fn=(1) malloc
10 100
+1 20
cob=(2) /usr/bin/python3.11
cfn=(2) main
calls=3 0
* 5000
-2 3

ob=(2)
fn=(2)
7 40
calls=1 +5
7 123
ob=(1)
fn=(1)
* 1
totals: 164
"""


def test_counts_of_libraries_do_not_contain_called_functions() -> None:
    found = by_library(CALLGRIND_OUTPUT.splitlines(keepends=True))
    assert found == {"/usr/lib/libc.so.6": 124, "/usr/bin/python3.11": 40}


@pytest.fixture
def own_budget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A budget for this build of Python, with a limit of 2.1 times the echo, on a machine with all tools."""
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({instruction_budget.python_build(): {"bare": 2100 / 1.03, "echo": 1000}}))
    monkeypatch.setattr(instruction_budget, "_FIGURES", figures)
    for find in ("nginx", "valgrind", "callgrind_control"):
        monkeypatch.setattr(tools, find, Path)
    return monkeypatch


@pytest.mark.parametrize(
    ("counts", "code", "said"),
    [
        ([[1000.0]], 0, ""),
        ([[1200.0], [1100.0], [1040.0]], 0, "Counted again: bare"),
        ([[1200.0]] * 3, 1, "bare is 2.400 of the echo, 14.3% above its limit"),
        ([[1200.0, 900.0]] * 3, 0, "bare is not decided: the machine is too busy to count it"),
    ],
)
def test_a_row_above_its_limit_is_counted_again(
    own_budget: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], counts: list[list[float]], code: int, said: str
) -> None:
    runs = [{"bare": Instructions(each, 0.0), "echo": ECHO} for each in counts]
    own_budget.setattr(instruction_budget, "measure", lambda *_: runs.pop(0))
    assert instruction_budget.main([]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert runs == []


def test_counts_that_do_not_agree_are_not_accepted(
    own_budget: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = instruction_budget._FIGURES.read_text()
    counts = {"bare": Instructions([1000.0, 1200.0], 0.0), "echo": ECHO}
    own_budget.setattr(instruction_budget, "measure", lambda *_: counts)
    assert instruction_budget.main(["--accept"]) == 1
    assert "not accepted, because the counts do not agree: bare" in capsys.readouterr().err
    assert instruction_budget._FIGURES.read_text() == before


def test_without_valgrind_the_budget_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(tools, "EXTRA_PATH", "")
    monkeypatch.delenv("KEYWAY_TESTS_REQUIRE_ALL", raising=False)
    assert instruction_budget.main([]) == 0
    assert "skipped: nginx is not installed: apt-get install nginx-light" in capsys.readouterr().err
    monkeypatch.setenv("KEYWAY_TESTS_REQUIRE_ALL", "1")
    assert instruction_budget.main([]) == 2
