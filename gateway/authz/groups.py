"""The entities file: which callers are in which groups, and which groups in others, as Cedar's JSON.

Attributes of callers are not told here: they are what credentials say.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cedarpy

from gateway.authz.principals import CALLER, GROUP, is_caller_id
from gateway.authz.resources import Entity
from gateway.authz.schema import CALLER_ATTRIBUTES, schema
from gateway.authz.sources import read_text

_UNTOLD: Final[Mapping[str, object]] = {
    name: [] if kind.startswith("Set") else "" for name, kind in CALLER_ATTRIBUTES.items()
}


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of callers. names: of all groups. memberships: by caller, all that it is in, also indirectly."""

    names: frozenset[str]
    memberships: Mapping[str, tuple[str, ...]]


NO_GROUPS: Final = Groups(frozenset(), {})


def read(path: Path | None, faults: list[str]) -> Groups:
    """The groups in a file; what is wrong with it is added to `faults`."""
    if path is None:
        return NO_GROUPS
    text = read_text(path, faults)
    if text is None:
        return NO_GROUPS
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        faults.append(f"{path.name}:{error.lineno}: is not JSON: {error.msg}")
        return NO_GROUPS
    except RecursionError:
        faults.append(f"{path.name}: is nested too deeply")
        return NO_GROUPS
    if not isinstance(data, list):
        faults.append(f"{path.name}: must be a list of entities")
        return NO_GROUPS
    found = [fault for index, item in enumerate(data) for fault in _faults(item, f"{path.name}: entity {index}")]
    if not found:
        found.extend(_cedars_faults(data, path.name))
    faults.extend(found)
    return NO_GROUPS if found else _groups(data)


def _faults(item: Any, place: str) -> Iterator[str]:
    """What is wrong with one entity, in words of our own: Cedar says only that something is."""
    if not isinstance(item, dict) or not _is_uid(item.get("uid")):
        yield f'{place}: must have a "uid" with "type" and "id"'
        return
    uid = item["uid"]
    known = f"{place}, {uid['type']} {uid['id']}"
    if uid["type"] not in (CALLER, GROUP):
        yield f"{known}: must be a {CALLER} or a {GROUP}"
    elif uid["type"] == CALLER and not is_caller_id(uid["id"]):
        yield f"{known}: a caller's id begins with spiffe://, dns:, cn: or sub:"
    if item.get("attrs"):
        yield f"{known}: must have no attributes: a caller's are what its credentials say"
    parents = item.get("parents", [])
    if not isinstance(parents, list) or not all(_is_uid(parent) and parent["type"] == GROUP for parent in parents):
        yield f"{known}: its parents must be a list of {GROUP}"
    if unknown := item.keys() - {"uid", "attrs", "parents"}:
        yield f"{known}: has unknown members: {', '.join(sorted(unknown))}"


def _is_uid(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"type", "id"}
        and all(isinstance(part, str) for part in value.values())
    )


def _cedars_faults(data: list[Entity], name: str) -> Iterator[str]:
    """What only Cedar finds: repeated entities, circles of groups."""
    entities = [
        {
            "uid": item["uid"],
            "attrs": _UNTOLD if item["uid"]["type"] == CALLER else {},
            "parents": item.get("parents", []),
        }
        for item in data
    ]
    try:
        cedarpy.Entities.from_json_str(json.dumps(entities), schema())
    except ValueError as error:
        circle = "transitive closure" in str(error)
        yield f"{name}: {'a group is within itself' if circle else error}"


def _groups(data: list[Entity]) -> Groups:
    parents = {_key(item["uid"]): [parent["id"] for parent in item.get("parents", [])] for item in data}
    names = {name for kind, name in parents if kind == GROUP} | {name for above in parents.values() for name in above}
    callers = [name for kind, name in parents if kind == CALLER]
    return Groups(frozenset(names), {caller: _ancestors(caller, parents) for caller in callers})


def _key(uid: Mapping[str, str]) -> tuple[str, str]:
    return uid["type"], uid["id"]


def _ancestors(caller: str, parents: Mapping[tuple[str, str], list[str]]) -> tuple[str, ...]:
    found: set[str] = set()
    waiting = list(parents[CALLER, caller])
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.add(group)
            waiting.extend(parents.get((GROUP, group), ()))
    return tuple(sorted(found))
