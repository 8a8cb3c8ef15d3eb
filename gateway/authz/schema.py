"""The Cedar schema of the policies, generated from the contract. Other Cedar tools can read its text."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from cedarpy import Schema

from gateway.authz.actions import ACTIONS, GROUPS, Action
from gateway.authz.resources import NAMESPACE, RESOURCE_TYPES, ResourceType

CALLER_ATTRIBUTES: Final[Mapping[str, str]] = {
    "kind": "String",
    "issuer": "String",
    "groups": "Set<String>",
    "scopes": "Set<String>",
}
"""The attributes of a caller, from its credentials. `groups` are those in a token. Groups of the entities file are
parents.
"""


@cache
def schema_text() -> str:
    """Return the schema in the syntax of Cedar."""
    return "\n".join((f"namespace {NAMESPACE} {{", *(f"  {line}" for line in _declarations()), "}", ""))


@cache
def schema() -> Schema:
    """Return the parsed schema."""
    return Schema.from_str(schema_text())


def _declarations() -> Iterator[str]:
    yield "entity Group in [Group];"
    yield f"entity Caller in [Group] {_record(CALLER_ATTRIBUTES)};"
    for resource_type in RESOURCE_TYPES.values():
        yield _entity(resource_type)
    for group in GROUPS:
        yield f"action {group};"
    for action in ACTIONS.values():
        yield _action(action)


def _entity(resource_type: ResourceType) -> str:
    parent = f" in [{_short(RESOURCE_TYPES[resource_type.parent].entity)}]" if resource_type.parent is not None else ""
    attributes = _record(dict.fromkeys(resource_type.attributes, "String"))
    return f"entity {_short(resource_type.entity)}{parent} {attributes};"


def _action(action: Action) -> str:
    groups = f" in [{', '.join(action.groups)}]" if action.groups else ""
    resources = ", ".join(map(_short, action.entities))
    return f"action {action.name}{groups} appliesTo {{ principal: [Caller], resource: [{resources}], context: {{}} }};"


def _record(attributes: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name}: {kind}' for name, kind in attributes.items())} }}"


def _short(entity: str) -> str:
    return entity.removeprefix(f"{NAMESPACE}::")
