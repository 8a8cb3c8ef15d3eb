"""Resource types as Cedar entities. The ID of an entity is the full name of its resource, and it is a member of its
parent.

Everything follows from the patterns of the contract. `providers/{provider}/keys/{key}/versions/{version}` is a
`Keyway::KeyVersion` in the `Keyway::Key` in the `Keyway::Provider`, with the attributes provider, key, and version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS, RESOURCES, Pattern

NAMESPACE: Final = "Keyway"

Entity = dict[str, Any]
"""One entity in the JSON format of Cedar."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type.

    name: the name in the contract, such as `keyway.dev/Key`. entity: the name in policies, such as `Keyway::Key`.
    pattern: the pattern of its names. A field of this type can accept names of other types as well.
    parent: the name of the parent type, or None if there is none.
    """

    name: str
    entity: str
    pattern: Pattern
    parent: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes, all strings: `name` is the full name, `id` its last segment, the others are its segments."""
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
"""Every resource type, by its name in the contract."""

_OWNERS: Final = {resource_type.pattern.template: resource_type for resource_type in RESOURCE_TYPES.values()}


def accepted_types(resource_type: str) -> tuple[ResourceType, ...]:
    """Return the types whose names a field of this type accepts, its own type first.

    A field for a key version also accepts the name of a key, which means its current version.
    """
    return tuple(_OWNERS[pattern.template] for pattern in RESOURCES[resource_type])


def bounded(name: str) -> str:
    """Return `name`, truncated if it is longer than a name can be. A truncated name is not valid either."""
    return name if len(name) <= MAXIMUM_NAME_CHARACTERS else f"{name[:MAXIMUM_NAME_CHARACTERS]}…"


def lineage(name: str, resource_type: str) -> list[Entity]:
    """Return the entity with this name, followed by its parent, the parent of that, and so on.

    A text that is not a valid name becomes an entity of `resource_type` without a parent.
    """
    for accepted in accepted_types(resource_type):
        segments = accepted.pattern.parse(name)
        if segments is not None:
            return list(_ancestry(name, accepted, segments))
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
