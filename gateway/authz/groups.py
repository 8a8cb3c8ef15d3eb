"""The entities file: the groups of callers, and the groups in groups, in the JSON format of Cedar.

The file contains no attributes of callers: those come from the credentials.
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

_EMPTY_ATTRIBUTES: Final[Mapping[str, object]] = {
    name: [] if kind.startswith("Set") else "" for name, kind in CALLER_ATTRIBUTES.items()
}


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of callers.

    names: the names of all groups. memberships: all groups that contain a caller, directly or indirectly, by caller ID.
    """

    names: frozenset[str]
    memberships: Mapping[str, tuple[str, ...]]


NO_GROUPS: Final = Groups(frozenset(), {})


def read(path: Path | None, problems: list[str]) -> Groups:
    """Return the groups in a file. Append every error in the file to `problems`."""
    data = _read_list(path, problems) if path is not None else []
    if path is None or data is None:
        return NO_GROUPS
    found = [text for index, item in enumerate(data) for text in _problems(item, f"{path.name}: entity {index}")]
    if not found:
        found.extend(_cedar_problems(data, path.name))
    problems.extend(found)
    return NO_GROUPS if found else _groups(data)


def _read_list(path: Path, problems: list[str]) -> list[Any] | None:
    text = read_text(path, problems)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        problems.append(f"{path.name}:{error.lineno}: not valid JSON: {error.msg}")
        return None
    except (ValueError, RecursionError) as error:
        fault = "nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
        problems.append(f"{path.name}: {fault}")
        return None
    if not isinstance(data, list):
        problems.append(f"{path.name}: must be a list of entities")
        return None
    return data


def _problems(item: Any, location: str) -> Iterator[str]:
    """Yield the errors in one entity. The messages of Cedar only say that something is wrong."""
    if not isinstance(item, dict) or not _is_uid(item.get("uid")):
        yield f'{location}: must have a "uid" with "type" and "id"'
        return
    uid = item["uid"]
    label = f"{location}, {uid['type']} {uid['id']}"
    if uid["type"] not in (CALLER, GROUP):
        yield f"{label}: the type must be {CALLER} or {GROUP}"
    elif uid["type"] == CALLER and not is_caller_id(uid["id"]):
        yield f"{label}: the ID of a caller must begin with spiffe://, dns:, cn:, or sub:"
    if item.get("attrs"):
        yield f"{label}: must have no attributes: those of a caller come from its credentials"
    parents = item.get("parents", [])
    if not isinstance(parents, list) or not all(_is_uid(parent) and parent["type"] == GROUP for parent in parents):
        yield f"{label}: the parents must be a list of {GROUP}"
    if unknown := item.keys() - {"uid", "attrs", "parents"}:
        yield f"{label}: unknown keys: {', '.join(sorted(unknown))}"


def _is_uid(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"type", "id"}
        and all(isinstance(part, str) for part in value.values())
    )


def _cedar_problems(data: list[Entity], name: str) -> Iterator[str]:
    """Yield the errors that only Cedar finds: duplicate entities, and groups that contain themselves."""
    entities = [
        {
            "uid": item["uid"],
            "attrs": _EMPTY_ATTRIBUTES if item["uid"]["type"] == CALLER else {},
            "parents": item.get("parents", []),
        }
        for item in data
    ]
    try:
        cedarpy.Entities.from_json_str(json.dumps(entities), schema())
    except ValueError as error:
        is_cycle = "transitive closure" in str(error)
        yield f"{name}: {'a group contains itself' if is_cycle else error}"


def _groups(data: list[Entity]) -> Groups:
    parents = {_key(item["uid"]): [parent["id"] for parent in item.get("parents", [])] for item in data}
    names = {name for kind, name in parents if kind == GROUP} | {name for above in parents.values() for name in above}
    callers = [name for kind, name in parents if kind == CALLER]
    return Groups(frozenset(names), {caller: _ancestors(caller, parents) for caller in callers})


def _key(uid: Mapping[str, str]) -> tuple[str, str]:
    return uid["type"], uid["id"]


def _ancestors(caller: str, parents: Mapping[tuple[str, str], list[str]]) -> tuple[str, ...]:
    found: set[str] = set()
    pending = list(parents[CALLER, caller])
    while pending:
        group = pending.pop()
        if group not in found:
            found.add(group)
            pending.extend(parents.get((GROUP, group), ()))
    return tuple(sorted(found))
