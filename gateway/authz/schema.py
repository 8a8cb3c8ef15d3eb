"""The schema of policies, made from the contract's descriptors, as text that Cedar's tools take too."""

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
"""What a caller's credentials say of it. `groups` are those of a token; groups of the entities file are parents."""


@cache
def schema_text() -> str:
    """The schema in Cedar's own syntax."""
    return "\n".join((f"namespace {NAMESPACE} {{", *(f"  {line}" for line in _declarations()), "}", ""))


@cache
def schema() -> Schema:
    """The schema, parsed."""
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
    parent = f" in [{_bare(RESOURCE_TYPES[resource_type.parent].entity)}]" if resource_type.parent is not None else ""
    return f"entity {_bare(resource_type.entity)}{parent} {_record(dict.fromkeys(resource_type.attributes, 'String'))};"


def _action(action: Action) -> str:
    groups = f" in [{', '.join(action.groups)}]" if action.groups else ""
    resources = ", ".join(map(_bare, action.entities))
    return f"action {action.name}{groups} appliesTo {{ principal: [Caller], resource: [{resources}], context: {{}} }};"


def _record(attributes: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name}: {kind}' for name, kind in attributes.items())} }}"


def _bare(entity: str) -> str:
    return entity.removeprefix(f"{NAMESPACE}::")
