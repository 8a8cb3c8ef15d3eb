"""What policies may say, but what looks like a mistake: names that nothing has, permits that reach less than was meant.

Nothing here decides anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.authz.actions import ACTION, PRIVATE
from gateway.authz.policies import Policies
from gateway.authz.principals import CALLER, GROUP, is_caller_id
from gateway.authz.resources import RESOURCE_TYPES
from gateway.authz.sources import Policy

_PATTERNS: Final = {resource_type.entity: resource_type.pattern for resource_type in RESOURCE_TYPES.values()}


def advice(loaded: Policies) -> Iterator[str]:
    """What people should look at again, each with the policy's place."""
    if not loaded.policies:
        yield "there are no policies: everything is denied"
    for policy in loaded.policies:
        for text in _about(policy, loaded.groups.names):
            yield f"{policy.known_as}: {text}"


def _about(policy: Policy, groups: frozenset[str]) -> Iterator[str]:
    if policy.permits and not policy.named_actions:
        yield (
            f"permits every action but those that read private material ({', '.join(sorted(PRIVATE))}), "
            "which have to be named in action == … or action in […]"
        )
    mentioned = {name for kind, name in _entities(policy.tree["conditions"]) if kind == ACTION} & PRIVATE
    unnamed = mentioned - policy.named_actions
    if policy.permits and unnamed:
        yield f"does not permit {', '.join(sorted(unnamed))}, which only its conditions name: name it before them"
    for kind, name in sorted(set(_entities(policy.tree))):
        if kind == GROUP and name not in groups:
            yield f"names the group {name}, which the entities file does not have"
        if kind == CALLER and not is_caller_id(name):
            yield f"names the caller {name}, whom nobody can be: ids begin with spiffe://, dns:, cn: or sub:"
        if kind in _PATTERNS and _PATTERNS[kind].parse(name) is None:
            yield f"names the {kind} {name}, which none can be: names are {_PATTERNS[kind].template}"


def _entities(tree: Any) -> Iterator[tuple[str, str]]:
    """All entities that a policy's tree names, by type and id."""
    if isinstance(tree, Mapping):
        if tree.keys() == {"type", "id"} and all(isinstance(part, str) for part in tree.values()):
            yield tree["type"], tree["id"]
        for part in tree.values():
            yield from _entities(part)
    elif isinstance(tree, Sequence) and not isinstance(tree, str):
        for part in tree:
            yield from _entities(part)
