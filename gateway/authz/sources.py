"""Policy files: reading them, and parsing, validating, and naming each policy.

Every error names its file, line, and policy. All errors are collected. `policies.py` decides which policies count for
private material.
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
from gateway.config.problems import Place
from gateway.contract.resource_names import RESERVED_PREFIX

MAXIMUM_ID_CHARACTERS: Final = 128
_MAXIMUM_FILE_BYTES: Final = 16 * 1024 * 1024
# Parts of messages of Cedar.
_POLICY_PREFIX: Final = "for policy `policy0`, "
_TOO_DEEP: Final = "error serializing/deserializing policy set"
_FOLLOW_UP_ERROR: Final = "unable to find an applicable action"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy.

    name: its @id or, if it has none, its location. location: its file and line. tree: the policy in the JSON format of
    Cedar.
    """

    name: str
    file: str
    location: str
    tree: Mapping[str, Any] = field(repr=False)

    @property
    def label(self) -> str:
        """The location, followed by the @id if there is one."""
        return self.location if self.name == self.location else f"{self.location}: policy {self.name}"

    @property
    def permits(self) -> bool:
        """Whether the policy is a permit, not a forbid."""
        return bool(self.tree["effect"] == "permit")

    @property
    def named_actions(self) -> frozenset[str]:
        """The actions and groups that the scope names; empty if the policy applies to every action."""
        scope = self.tree["action"]
        entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
        return frozenset(entity["id"] for entity in entities if entity["type"] == ACTION)

    @property
    def names_private(self) -> bool:
        """Whether the scope names an action that reads private material."""
        return not self.named_actions.isdisjoint(PRIVATE)


def read(paths: Sequence[Path], problems: dict[Place, list[str]]) -> tuple[Policy, ...]:
    """Return the policies of all files. Add the errors in each file to `problems`, by the key that names the file."""
    policies: dict[str, Policy] = {}
    for index, (path, label) in enumerate(zip(paths, labels(paths), strict=True)):
        found = problems.setdefault(("policy_files", index), [])
        for policy in _policies(path, label, found):
            other = policies.setdefault(policy.name, policy)
            if other is not policy:
                found.append(f"{policy.label}: duplicate @id; it is also at {other.location}")
    return tuple(policies.values())


def labels(paths: Sequence[Path]) -> list[str]:
    """Return what messages call each file: its name, or its complete path if two files have the same name."""
    names = [path.name for path in paths]
    return [path.name if names.count(path.name) == 1 else str(path) for path in paths]


def _policies(path: Path, label: str, problems: list[str]) -> Iterator[Policy]:
    text = read_text(path, problems)
    if text is not None:
        yield from _policies_in(text, label, problems)


def parse(text: str, label: str) -> tuple[Policy, ...]:
    """Return the policies in a text of the gateway itself, which has no errors."""
    return tuple(_policy(statement, label, label) for statement in split(text))


def _policies_in(text: str, label: str, problems: list[str]) -> Iterator[Policy]:
    try:
        for statement in split(text):
            policy = _parse(statement, label, problems)
            if policy is not None:
                yield policy
    except StatementError as error:
        problems.append(f"{label}:{error.line}: {error}")


def read_text(path: Path, problems: list[str]) -> str | None:
    """Return the text of a file, or None after appending to `problems` why it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            problems.append(f"{path}: not a file")
            return None
        if path.stat().st_size > _MAXIMUM_FILE_BYTES:
            problems.append(f"{path}: larger than {_MAXIMUM_FILE_BYTES} bytes")
            return None
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {os.strerror(error.errno or 0)}")
    except UnicodeDecodeError:
        problems.append(f"{path}: not valid UTF-8")
    return None


def _parse(statement: Statement, label: str, problems: list[str]) -> Policy | None:
    location = statement.location(label)
    try:
        policy = _policy_of_file(statement, label, location)
    except PolicyError as error:
        problems.append(f"{location}: {error}")
        return None
    found = [
        error.error.removeprefix(_POLICY_PREFIX) for error in cedarpy.validate_policies(statement.text, schema()).errors
    ]
    # Cedar adds a message about the complete policy to those that state the cause.
    causes = [error for error in found if _FOLLOW_UP_ERROR not in error] or found
    problems.extend(f"{policy.label}: {error}" for error in causes)
    return None if found else policy


class PolicyError(ValueError):
    """The text is not a policy that the gateway can use."""


def _policy_of_file(statement: Statement, label: str, location: str) -> Policy:
    policy = _policy(statement, label, location)
    if policy.name.startswith(RESERVED_PREFIX):
        raise PolicyError(f"the @id must not begin with '{RESERVED_PREFIX}', which is reserved")
    return policy


def _policy(statement: Statement, label: str, location: str) -> Policy:
    parsed = _tree(statement)
    if parsed["templates"]:
        raise PolicyError("templates are not supported: replace ?principal and ?resource with entities")
    (tree,) = parsed["staticPolicies"].values()
    name = tree.get("annotations", {}).get("id") or location
    if len(name) > MAXIMUM_ID_CHARACTERS or not name.isprintable():
        raise PolicyError(f"the @id must be printable and have at most {MAXIMUM_ID_CHARACTERS} characters")
    return Policy(name, label, location, tree)


def _tree(statement: Statement) -> Any:
    """Return the policy set of one statement in the JSON format of Cedar."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(statement.text))
        cedarpy.PolicySet.from_json_str(json.dumps(parsed))
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError) or _TOO_DEEP in str(error):
            raise PolicyError(
                "the policy is nested too deeply; replace many || in a row with a set: [a, b].contains(x)"
            ) from None
        raise PolicyError(str(error)) from None
    return parsed
