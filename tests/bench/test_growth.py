"""Growth curves: the exponents, the files that show them, and a short version of each measurement."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.growth import page
from tests.bench.growth.__main__ import EXPERIMENTS, main
from tests.bench.growth.curve import Costed, Experiment, Line, fitted
from tests.bench.tools import MissingToolError
from tests.support.programs import unavailable

_SECONDS = 0.01


@contextmanager
def _known(_folder: Path, _seconds: float) -> Iterator[Callable[[int], Costed]]:
    yield lambda size: {"constant": 7.0, "linear": 2.0 * size, "square": size**2} | ({"rare": 1.0} if size > 1 else {})


KNOWN = Experiment(
    name="known",
    title="Known costs",
    axis="things",
    unit="CPU µs",
    lines={"constant": 0, "linear": 1, "square": 1, "rare": 0},
    sizes=(1, 10, 100, 1000),
    few=(1, 10),
    setup=_known,
)


def test_exponents_are_fitted_to_the_upper_half_of_the_sizes(tmp_path: Path) -> None:
    curve = KNOWN.run(tmp_path / "known", KNOWN.sizes)
    found = {line.label: line.exponent for line in curve.lines}
    assert found == pytest.approx({"constant": 0, "linear": 1, "square": 2, "rare": 0})
    assert fitted({1: 50, 10: 50, 100: 100, 1000: 1000, 10_000: 10_000}) == pytest.approx(1)


def test_a_cost_that_grows_faster_than_it_has_to_is_marked(tmp_path: Path) -> None:
    curve = KNOWN.run(tmp_path / "known", KNOWN.sizes)
    assert [line.label for line in curve.lines if line.grows_too_fast] == ["square"]
    assert "| square | **2.00** | 1 | 1 | 100 | 10,000 | 1,000,000 |" in page.table(curve)
    assert "| rare | 0.00 | 0 | – | 1 | 1 | 1 |" in page.table(curve)


def test_one_size_has_no_exponent() -> None:
    line = Line("one", 0, {5: 1.0})
    assert line.exponent is None
    assert not line.grows_too_fast


def test_published_curves_replace_only_themselves(tmp_path: Path) -> None:
    """The page keeps its text, and the curves that were not measured."""
    (tmp_path / "growth.md").write_text((page.DOCS / "growth.md").read_text())
    first = KNOWN.run(tmp_path / "first", KNOWN.sizes)
    page.publish([first], tmp_path)
    page.publish([_renamed().run(tmp_path / "second", (1, 10))], tmp_path)
    assert page.read(tmp_path)[0] == first
    assert [curve.name for curve in page.read(tmp_path)] == ["known", "other"]
    text = (tmp_path / "growth.md").read_text()
    assert text.startswith("# Growth\n")
    assert text.count("| linear | 1.00 | 1 |") == 2
    plot = ElementTree.parse(tmp_path / "growth/known.svg").getroot()
    lines = [element.get("points", "") for element in plot.iter() if element.tag.endswith("polyline")]
    assert [len(points.split()) for points in lines] == [4, 4, 4, 3]


def test_committed_page_and_plots_show_the_committed_figures() -> None:
    for name, content in page.rendered().items():
        assert (page.DOCS / name).read_text() == content, name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group("central") if name == "central-store" else ())
        for name in EXPERIMENTS
    ],
)
def test_short_measurement_has_every_cost(name: str, tmp_path: Path) -> None:
    experiment = EXPERIMENTS[name]
    try:
        curve = experiment.run(tmp_path / name, experiment.few, seconds=_SECONDS)
    except MissingToolError as error:
        unavailable(str(error))
    assert [line.label for line in curve.lines] == [*experiment.lines]
    for line in curve.lines:
        assert set(line.costs) <= {*experiment.few}
        assert all(cost >= 0 and math.isfinite(cost) for cost in line.costs.values())
    assert all(any(size in line.costs for line in curve.lines) for size in experiment.few)


def test_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tests.bench.tools.shutil.which", lambda name, path=None: None)
    assert main(["--quick", "--only", "certificates"]) == 2
    assert "nginx is not installed" in capsys.readouterr().err


def _renamed() -> Experiment:
    return Experiment("other", "Other costs", KNOWN.axis, KNOWN.unit, KNOWN.lines, KNOWN.sizes, KNOWN.few, KNOWN.setup)
