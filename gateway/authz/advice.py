"""Warnings about policies that are valid but look like mistakes. They do not affect decisions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.authz import forbid_advice
from gateway.authz.actions import ACTION, PRIVATE
from gateway.authz.policies import Policies
from gateway.authz.principals import CALLER, GROUP, is_caller_id
from gateway.authz.resources import RESOURCE_TYPES
from gateway.authz.sources import Policy

_DNS: Final = "dns:"
_PATTERNS: Final = {resource_type.entity: resource_type.pattern for resource_type in RESOURCE_TYPES.values()}


def advice(loaded: Policies) -> Iterator[str]:
    """Yield the warnings, each with the location of its policy."""
    if not loaded.policies:
        yield "there are no policies, so every call is denied"
    for caller in loaded.groups.memberships:
        yield from (f"the entities file {text}" for text in _caller_warnings(caller))
    for policy in loaded.policies:
        for text in _warnings(policy, loaded.groups.names):
            yield f"{policy.label}: {text}"
        for text in forbid_advice.warnings(policy, loaded.policies):
            yield f"{policy.label}: {text}"


def _warnings(policy: Policy, groups: frozenset[str]) -> Iterator[str]:
    if policy.permits and not policy.named_actions:
        yield (
            f"permits every action except those that read private material ({', '.join(sorted(PRIVATE))}); "
            "to permit these, name them in the scope: action == … or action in […]"
        )
    mentioned = {name for kind, name in _entities(policy.tree["conditions"]) if kind == ACTION} & PRIVATE
    unnamed = mentioned - policy.named_actions
    if policy.permits and unnamed:
        yield f"does not permit {', '.join(sorted(unnamed))}: name it in the scope, not only in a condition"
    for kind, name in sorted(set(_entities(policy.tree))):
        yield from _entity_warnings(kind, name, groups)


def _entity_warnings(kind: str, name: str, groups: frozenset[str]) -> Iterator[str]:
    if kind == GROUP and name not in groups:
        yield f"names the group {name}, which is not in the entities file"
    if kind == CALLER:
        yield from _caller_warnings(name)
    if kind in _PATTERNS and _PATTERNS[kind].parse(name) is None:
        yield f"names the {kind} {name}, which is not a valid name: names are {_PATTERNS[kind].template}"


def _caller_warnings(name: str) -> Iterator[str]:
    if not is_caller_id(name):
        yield f"names the caller {name}, which is not a caller ID: IDs begin with spiffe://, dns:, cn:, or sub:"
    if name.startswith(_DNS) and name != name.lower():
        yield f"names the caller {name}, which matches no caller: the DNS name in a caller ID is lowercase"


def _entities(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield the type and the ID of every entity in the tree of a policy."""
    if isinstance(tree, Mapping):
        if tree.keys() == {"type", "id"} and all(isinstance(part, str) for part in tree.values()):
            yield tree["type"], tree["id"]
        for part in tree.values():
            yield from _entities(part)
    elif isinstance(tree, Sequence) and not isinstance(tree, str):
        for part in tree:
            yield from _entities(part)
