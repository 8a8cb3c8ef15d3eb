"""Reads policy files: each policy parsed, checked against the schema, and named.

Every fault is found at once and names its file, line and policy. What policies mean for private material stands in
`policies.py`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cedarpy

from gateway.authz.actions import ACTION, PRIVATE
from gateway.authz.schema import schema
from gateway.authz.statements import Statement, StatementError, split

MAXIMUM_ID_CHARACTERS: Final = 128
_MAXIMUM_FILE_BYTES: Final = 16 * 1024 * 1024
_WHICH: Final = "for policy `policy0`, "
_TOO_DEEP: Final = "error serializing/deserializing policy set"
_NOTHING_LEFT: Final = "unable to find an applicable action"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. name: its @id, else its place, which is its file and line. tree: as Cedar's JSON has it."""

    name: str
    file: str
    place: str
    tree: Mapping[str, Any] = field(repr=False)

    @property
    def known_as(self) -> str:
        """Where it stands, and its @id where it has one."""
        return self.place if self.name == self.place else f"{self.place}: policy {self.name}"

    @property
    def permits(self) -> bool:
        """Whether it is a permit, and not a forbid."""
        return bool(self.tree["effect"] == "permit")

    @property
    def named_actions(self) -> frozenset[str]:
        """The actions and groups that its scope names; empty where it holds for every action."""
        scope = self.tree["action"]
        entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
        return frozenset(entity["id"] for entity in entities if entity["type"] == ACTION)

    @property
    def names_private(self) -> bool:
        """Whether its scope names an action that reads private material."""
        return not self.named_actions.isdisjoint(PRIVATE)


def read(paths: Sequence[Path], faults: list[str]) -> tuple[Policy, ...]:
    """The policies of all files; what is wrong with them is added to `faults`."""
    policies: dict[str, Policy] = {}
    for path, label in zip(paths, labels(paths), strict=True):
        for policy in _policies(path, label, faults):
            other = policies.setdefault(policy.name, policy)
            if other is not policy:
                faults.append(f"{policy.known_as}: another policy has this @id, at {other.place}")
    return tuple(policies.values())


def labels(paths: Sequence[Path]) -> list[str]:
    """What files are called in messages: their names; the whole paths where two have the same name."""
    names = [path.name for path in paths]
    return [path.name if names.count(path.name) == 1 else str(path) for path in paths]


def _policies(path: Path, label: str, faults: list[str]) -> Iterator[Policy]:
    text = read_text(path, faults)
    if text is None:
        return
    try:
        for statement in split(text):
            policy = _parse(statement, label, faults)
            if policy is not None:
                yield policy
    except StatementError as error:
        faults.append(f"{label}:{error.line}: {error}")


def read_text(path: Path, faults: list[str]) -> str | None:
    """A file's text; None where it has none that can be used."""
    try:
        if path.exists() and not path.is_file():
            faults.append(f"{path}: is not a file")
            return None
        if path.stat().st_size > _MAXIMUM_FILE_BYTES:
            faults.append(f"{path}: has more than {_MAXIMUM_FILE_BYTES} bytes")
            return None
        return path.read_bytes().decode()
    except OSError as error:
        faults.append(f"{path}: can't be read: {os.strerror(error.errno or 0)}")
    except UnicodeDecodeError:
        faults.append(f"{path}: is not UTF-8 text")
    return None


def _parse(statement: Statement, label: str, faults: list[str]) -> Policy | None:
    place = statement.place(label)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(statement.text))
        cedarpy.PolicySet.from_json_str(json.dumps(parsed))
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError) or _TOO_DEEP in str(error)
        faults.append(
            f"{place}: {'is nested too deeply: a long chain of || can be a contains of a set' if deep else error}"
        )
        return None
    if parsed["templates"]:
        faults.append(f"{place}: is a template: ?principal and ?resource can't be filled in here")
        return None
    (tree,) = parsed["staticPolicies"].values()
    name = tree.get("annotations", {}).get("id") or place
    if len(name) > MAXIMUM_ID_CHARACTERS or not name.isprintable():
        faults.append(f"{place}: the @id must be printable and have at most {MAXIMUM_ID_CHARACTERS} characters")
        return None
    policy = Policy(name, label, place, tree)
    errors = [error.error.removeprefix(_WHICH) for error in cedarpy.validate_policies(statement.text, schema()).errors]
    # What Cedar says of the whole, where it has already said what is wrong.
    told = [error for error in errors if _NOTHING_LEFT not in error] or errors
    faults.extend(f"{policy.known_as}: {error}" for error in told)
    return None if errors else policy
