"""Resource types as policies see them: entities named by the resource's full name, each in its parent.

All of it is read from the contract's patterns: `providers/{provider}/keys/{key}/versions/{version}` is a
`Keyway::KeyVersion` in the `Keyway::Key` in the `Keyway::Provider`, with the attributes provider, key and version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS, RESOURCES, Pattern

NAMESPACE: Final = "Keyway"

Entity = dict[str, Any]
"""One entity, as Cedar's JSON has it."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type of resource.

    name: in the contract, such as `keyway.dev/Key`. entity: in policies, such as `Keyway::Key`. pattern: of its own
    names; what else a field of this type takes are names of other types. parent: None for a type that is in nothing.
    """

    name: str
    entity: str
    pattern: Pattern
    parent: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """All are text: `name` is the whole, `id` its last segment, the others are segments by variable."""
        return tuple(dict.fromkeys(("name", "id", *self.pattern.variables)))


def _parent(pattern: Pattern, own: Mapping[str, str]) -> str | None:
    return own.get(pattern.template.rsplit("/", 2)[0])


def _types() -> Mapping[str, ResourceType]:
    own = {patterns[0].template: name for name, patterns in RESOURCES.items()}
    return {
        name: ResourceType(name, f"{NAMESPACE}::{name.rpartition('/')[2]}", patterns[0], _parent(patterns[0], own))
        for name, patterns in RESOURCES.items()
    }


RESOURCE_TYPES: Final = _types()
"""By the contract's name."""

_OWNERS: Final = {resource_type.pattern.template: resource_type for resource_type in RESOURCE_TYPES.values()}


def accepted_types(resource_type: str) -> tuple[ResourceType, ...]:
    """The types whose names a field of this type takes: its own first. A key's name stands for its newest version."""
    return tuple(_OWNERS[pattern.template] for pattern in RESOURCES[resource_type])


def bounded(name: str) -> str:
    """`name`, cut where it is too long to be one; what is left of it is none either."""
    return name if len(name) <= MAXIMUM_NAME_CHARACTERS else f"{name[:MAXIMUM_NAME_CHARACTERS]}…"


def lineage(name: str, resource_type: str) -> list[Entity]:
    """The entity that has this name, and those it is in. A text that is no name is of `resource_type`, in nothing."""
    for taken in accepted_types(resource_type):
        segments = taken.pattern.parse(name)
        if segments is not None:
            return list(_ancestry(name, taken, segments))
    entity = RESOURCE_TYPES[resource_type]
    return [_entity(entity, name, dict.fromkeys(entity.attributes, ""), None)]


def _ancestry(name: str, resource_type: ResourceType, segments: Mapping[str, str]) -> Iterator[Entity]:
    parent = RESOURCE_TYPES[resource_type.parent] if resource_type.parent is not None else None
    parent_name = parent.pattern.format(**segments) if parent is not None else ""
    values = {variable: segments[variable] for variable in resource_type.pattern.variables}
    attributes = {"id": segments[resource_type.pattern.variables[-1]], **values}
    yield _entity(resource_type, name, attributes, (parent, parent_name) if parent is not None else None)
    if parent is not None:
        yield from _ancestry(parent_name, parent, segments)


def _entity(
    resource_type: ResourceType, name: str, attributes: Mapping[str, str], parent: tuple[ResourceType, str] | None
) -> Entity:
    return {
        "uid": {"type": resource_type.entity, "id": name},
        "attrs": {**attributes, "name": name},
        "parents": [{"type": parent[0].entity, "id": parent[1]}] if parent is not None else [],
    }
