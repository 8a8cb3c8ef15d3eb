"""YAML aliases and merge keys in the configuration: their limits, and the positions of problems in them."""

from pathlib import Path

import pytest

from gateway import gateway_settings
from gateway.config.base import ConfigError
from gateway.config.loading import Document
from gateway.config.yaml_structure import MAXIMUM_REPEATED_VALUES
from tests.support.configuration import TYPES

REJECTED = f"aliases repeat more than {MAXIMUM_REPEATED_VALUES} values"


def write(folder: Path, text: str) -> Path:
    path = folder / "keyway.yaml"
    path.write_text(text)
    return path


def errors(folder: Path, text: str) -> list[str]:
    """Return the reported problems without the name of the file."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        gateway_settings.load(path, TYPES)
    return [line.removeprefix(f"{path}:").strip() for line in str(caught.value).splitlines()]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("template", ["a{0}: &a{0} [{1}]", "a{0}: &a{0} {{x: [{1}]}}", "a{0}: &a{0} {{<<: [{1}]}}"])
@pytest.mark.parametrize(("levels", "width"), [(9, 9), (40, 2), (1500, 9)])
def test_nested_aliases_beyond_the_limit_are_rejected(template: str, levels: int, width: int, tmp_path: Path) -> None:
    lines = (template.format(level, ", ".join([f"*a{level - 1}"] * width)) for level in range(1, levels))
    assert errors(tmp_path, "\n".join(("a0: &a0 {x: 1}", *lines))) == [REJECTED]


def test_limit_counts_repeated_values_only(tmp_path: Path) -> None:
    own = f"own: [{'1, ' * (MAXIMUM_REPEATED_VALUES + 1)}1]\n"
    assert errors(tmp_path, own) == ["1:1: unknown key 'own'"]
    fits = f"a: &a [1]\nb: [{', '.join(['*a'] * (MAXIMUM_REPEATED_VALUES // 2))}]\n"
    assert errors(tmp_path, fits) == ["1:1: unknown key 'a'", "2:1: unknown key 'b'"]
    assert errors(tmp_path, f"{fits}c: *a\n") == [REJECTED]


def test_alias_inside_its_own_value_is_rejected(tmp_path: Path) -> None:
    assert errors(tmp_path, "log: {}\na: &a [x, *a]\n") == ["2:4: an alias refers to a value that contains it"]


def test_problem_in_a_repeated_value_is_reported_for_each_place(tmp_path: Path) -> None:
    common = "{type: thing, endpoint: 'http://a', timeout: 0}"
    text = f"providers:\n- &one\n  <<: &common {common}\n  id: a\n- {{<<: *common, id: b}}\n"
    assert [line.partition(": must")[0] for line in errors(tmp_path, text)] == [
        "3:60: providers[0].timeout",
        "3:60: providers[1].timeout",
    ]


def test_position_of_an_overridden_merged_key_is_its_own(tmp_path: Path) -> None:
    found = errors(tmp_path, "listen: &text 127.0.0.1:1\nlog:\n  <<: {level: info}\n  level: *text\n")
    assert [line.partition(": must")[0] for line in found] == ["1:9: log.level"]
    found = errors(tmp_path, "log:\n  <<: {level: info}\n  level: loud\n")
    assert [line.partition(": must")[0] for line in found] == ["3:10: log.level"]


def test_merged_mapping_that_merges_another_has_no_duplicate_keys(tmp_path: Path) -> None:
    text = "x:\n  a: &a {k: 0}\n  y:\n    b: &b {<<: *a, k: 1}\nderived: {<<: *b}\n"
    assert Document(write(tmp_path, text)).tree == {"x": {"a": {"k": 0}, "y": {"b": {"k": 1}}}, "derived": {"k": 1}}
