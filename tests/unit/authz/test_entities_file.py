"""Errors in the entities file, each with its location."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.base import ConfigError
from tests.support.policies import group, loaded, member

ALICE = "spiffe://example.org/alice"


def entity(kind: Any = "Keyway::Group", name: Any = "g", **more: Any) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, **more}


@pytest.mark.parametrize(
    ("entities", "fault"),
    [
        ("[", "entities.json:1: not valid JSON"),
        ("{}", "entities.json: must be a list of entities"),
        ("[" * 100_000, "entities.json: nested too deeply"),
        (f"[{'1' * 5000}]", "entities.json: a number has too many digits"),
        ([1], 'entities.json: entity 0: must have a "uid"'),
        ([group("g"), {}], 'entity 1: must have a "uid"'),
        ([entity(name=3)], 'entity 0: must have a "uid"'),
        ([entity("Keyway::Key", "k")], "Keyway::Key k: the type must be Keyway::Caller or Keyway::Group"),
        ([entity("Group")], "the type must be Keyway::Caller or Keyway::Group"),
        ([member("alice")], "Keyway::Caller alice: the ID of a caller must begin with spiffe://"),
        ([entity(attrs={"kind": "spiffe"})], "must have no attributes"),
        ([entity(parents=[{"type": "Keyway::Caller", "id": ALICE}])], "the parents must be a list of Keyway::Group"),
        ([entity(parents="g")], "the parents must be a list of Keyway::Group"),
        ([entity(parent=[])], "unknown keys: parent"),
        ([group("a", "b"), group("b", "a")], "a group contains itself"),
        ([group("a"), group("a", "b")], "duplicate entity entry"),
        ([member(ALICE, "a"), member(ALICE, "b")], "duplicate entity entry"),
    ],
)
def test_invalid_entities_file_is_rejected_with_the_location(tmp_path: Path, entities: Any, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", entities=entities)
    assert "policy: entities.json" in str(caught.value)
    assert fault in str(caught.value)


def test_errors_of_both_kinds_of_files_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "permit();", entities=[{}, member("alice")])
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "0.cedar:1",
        "entities.json",
        "entities.json",
    ]


def test_memberships_include_indirect_groups(tmp_path: Path) -> None:
    entities = [group("inner", "outer", "far"), member(ALICE, "inner", "own"), member("dns:x")]
    groups = loaded(tmp_path, "", entities=entities).groups
    assert groups.names == {"inner", "outer", "far", "own"}
    assert groups.memberships == {ALICE: ("far", "inner", "outer", "own"), "dns:x": ()}


@pytest.mark.parametrize("entities", [[], [{"uid": {"type": "Keyway::Group", "id": "g"}}]])
def test_minimal_entities_file_is_accepted(tmp_path: Path, entities: Any) -> None:
    loaded(tmp_path, "", entities=entities)
