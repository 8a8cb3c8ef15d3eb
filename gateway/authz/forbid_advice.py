"""Warnings about forbids that a caller can avoid with another name of the same resource."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.authz.actions import ACTIONS, GROUPS, PRIVATE
from gateway.authz.name_tests import NameTest, attributes_of, possible, required
from gateway.authz.sources import Policy

_KEY: Final = "Keyway::Key"
_KEY_VERSION: Final = "Keyway::KeyVersion"


def warnings(policy: Policy, others: Sequence[Policy]) -> Iterator[str]:
    """Yield the warnings about one policy. others: all policies."""
    if policy.permits:
        return
    tests = [test for test in possible(policy) if test.depends_on_spelling]
    if _KEY_VERSION in {entity for action in _actions(policy) for entity in ACTIONS[action].entities}:
        yield from dict.fromkeys(text for test in tests for text in _version_warnings(test))
    permit = next((other for other in others if tests and _is_broader(other, policy, tests)), None)
    if permit is not None:
        yield (
            f"forbids resources by name, but {permit.name} permits other names: an upstream can treat another spelling "
            "as the same name; forbid all names except those that are allowed, as docs/policy.md shows"
        )


def _version_warnings(test: NameTest) -> Iterator[str]:
    if test.entity == _KEY and not test.includes_members:
        yield "forbids the key, but not its versions: write resource in instead of resource =="
    elif test.entity == _KEY_VERSION:
        yield "forbids a key version, but a call that names only the key uses its current version"
    elif test.attribute == "id":
        yield "tests resource.id, which is the number of a key version: test resource.key instead"


def _is_broader(permit: Policy, forbid: Policy, tests: Sequence[NameTest]) -> bool:
    """Return whether a permit can apply to another spelling of a name that a forbid tests."""
    if not permit.permits or _actions(permit).isdisjoint(_actions(forbid)) or _callers_differ(permit, forbid):
        return False
    limits = list(required(permit))
    if any(limit.exact and limit.depends_on_spelling for limit in limits):
        return False
    forbidden = [attributes for test in tests for attributes in _forbidden(test)]
    return any(all(limit.accepts(attributes) for limit in limits) for attributes in forbidden)


def _forbidden(test: NameTest) -> Iterator[Mapping[str, str]]:
    """Yield what is known about each resource that passes a test."""
    if not test.exact:
        yield {}
        return
    for text in test.texts:
        yield attributes_of(test.entity, text) if test.entity else {test.attribute: text}


def _actions(policy: Policy) -> frozenset[str]:
    """Return the actions that a policy applies to, by its scope."""
    named = policy.named_actions
    if not named:
        return frozenset(ACTIONS) - PRIVATE if policy.permits else frozenset(ACTIONS)
    return named.union(*(GROUPS.get(name, ()) for name in named)) & frozenset(ACTIONS)


def _callers_differ(one: Policy, other: Policy) -> bool:
    scopes = one.tree["principal"], other.tree["principal"]
    return all(scope["op"] == "==" for scope in scopes) and scopes[0]["entity"] != scopes[1]["entity"]
