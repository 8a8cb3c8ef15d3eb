"""Settings of the test run."""

from pathlib import Path

import hypothesis
import pytest

from tests.bare.skipped import listed
from tests.support.programs import program

ROOT = Path(__file__).parents[2]


def test_examples_have_no_deadline() -> None:
    assert hypothesis.settings().deadline is None


def test_every_test_has_a_timeout(pytestconfig: pytest.Config) -> None:
    assert float(pytestconfig.getini("timeout")) > 0


def test_listed_tests_that_a_bare_machine_skips_exist() -> None:
    names = listed((ROOT / "docs/testing.md").read_text(encoding="utf-8"))
    assert names
    for name in names:
        module, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / "tests" / module).read_text(encoding="utf-8"), name


def test_missing_program_skips_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KEYWAY_TESTS_REQUIRE_ALL", raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"curl is not on PATH \(the package curl"):
        program("curl")


def test_missing_program_fails_the_test_where_everything_is_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KEYWAY_TESTS_REQUIRE_ALL", "1")

    with pytest.raises(pytest.fail.Exception, match="curl is not on PATH"):
        program("curl")
