"""Faults of the entities file, each with its place."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.base import ConfigError
from tests.unit.authz.support import group, loaded, member

ALICE = "spiffe://example.org/alice"


def entity(kind: Any = "Keyway::Group", name: Any = "g", **more: Any) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, **more}


@pytest.mark.parametrize(
    ("entities", "fault"),
    [
        ("[", "entities.json:1: is not JSON"),
        ("{}", "entities.json: must be a list of entities"),
        ("[" * 100_000, "entities.json: is nested too deeply"),
        ([1], 'entities.json: entity 0: must have a "uid"'),
        ([group("g"), {}], 'entity 1: must have a "uid"'),
        ([entity(name=3)], 'entity 0: must have a "uid"'),
        ([entity("Keyway::Key", "k")], "Keyway::Key k: must be a Keyway::Caller or a Keyway::Group"),
        ([entity("Group")], "must be a Keyway::Caller or a Keyway::Group"),
        ([member("alice")], "Keyway::Caller alice: a caller's id begins with spiffe://"),
        ([entity(attrs={"kind": "spiffe"})], "must have no attributes"),
        ([entity(parents=[{"type": "Keyway::Caller", "id": ALICE}])], "its parents must be a list of Keyway::Group"),
        ([entity(parents="g")], "its parents must be a list of Keyway::Group"),
        ([entity(parent=[])], "unknown members: parent"),
        ([group("a", "b"), group("b", "a")], "a group is within itself"),
        ([group("a"), group("a", "b")], "duplicate entity entry"),
        ([member(ALICE, "a"), member(ALICE, "b")], "duplicate entity entry"),
    ],
)
def test_faults(tmp_path: Path, entities: Any, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", entities=entities)
    assert "policy: entities.json" in str(caught.value)
    assert fault in str(caught.value)


def test_all_faults_are_told_with_those_of_policies(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "permit();", entities=[{}, member("alice")])
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "0.cedar:1",
        "entities.json",
        "entities.json",
    ]


def test_what_it_holds(tmp_path: Path) -> None:
    entities = [group("inner", "outer", "far"), member(ALICE, "inner", "own"), member("dns:x")]
    groups = loaded(tmp_path, "", entities=entities).groups
    assert groups.names == {"inner", "outer", "far", "own"}
    assert groups.memberships == {ALICE: ("far", "inner", "outer", "own"), "dns:x": ()}


@pytest.mark.parametrize("entities", [[], [{"uid": {"type": "Keyway::Group", "id": "g"}}]])
def test_little_is_enough(tmp_path: Path, entities: Any) -> None:
    loaded(tmp_path, "", entities=entities)
