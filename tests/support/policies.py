"""Policies in files, and callers that use them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.authz.actions import ACTIONS
from gateway.authz.decision import Decision
from gateway.authz.engine import PolicyEngine
from gateway.authz.policies import Policies, load
from gateway.authz.settings import PolicySettings
from gateway.contract.resource_names import RESOURCES, Pattern
from gateway.identity.caller import Caller

ALICE = Caller("spiffe://example.org/alice", "spiffe")
BOB = Caller("spiffe://example.org/bob", "spiffe")


def _name(pattern: Pattern) -> str:
    """Return a name such as `providers/p/keys/k/versions/1`: the first letter of each variable, and 1 for a version."""
    return pattern.format(**{name: "1" if name == "version" else name[0] for name in pattern.variables})


NAMES = {resource_type: _name(patterns[0]) for resource_type, patterns in RESOURCES.items()}
"""A valid name of each resource type."""


def settings(folder: Path, *texts: str, entities: Sequence[Any] | str | None = None, **more: Any) -> PolicySettings:
    """Write the texts to `0.cedar`, `1.cedar`, …, and `entities.json`, and return settings with these files."""
    files = tuple(folder / f"{index}.cedar" for index in range(len(texts)))
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    entities_file = None
    if entities is not None:
        entities_file = folder / "entities.json"
        entities_file.write_text(entities if isinstance(entities, str) else json.dumps(entities))
    return PolicySettings(policy_files=files, entities_file=entities_file, **more)


def loaded(folder: Path, *texts: str, entities: Sequence[Any] | str | None = None) -> Policies:
    return load(settings(folder, *texts, entities=entities))


def ask(policies: Policies | PolicyEngine, caller: Caller, action: str, resource: str | None = None) -> Decision:
    """Return the decision. The default resource has the type in the requests of the action."""
    resource_type = ACTIONS[action].resource_type
    return policies.decide(caller, action, NAMES[resource_type] if resource is None else resource, resource_type)


def allowed(policies: Policies | PolicyEngine, caller: Caller, action: str, resource: str | None = None) -> bool:
    return ask(policies, caller, action, resource).allowed


def group(name: str, *parents: str) -> dict[str, Any]:
    return _entity("Keyway::Group", name, parents)


def member(caller: str, *groups: str) -> dict[str, Any]:
    return _entity("Keyway::Caller", caller, groups)


def _entity(kind: str, name: str, parents: Sequence[str]) -> dict[str, Any]:
    above = [{"type": "Keyway::Group", "id": parent} for parent in parents]
    return {"uid": {"type": kind, "id": name}, "attrs": {}, "parents": above}
