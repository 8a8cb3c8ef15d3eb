"""Line and column of every key and value of a YAML document."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import yaml

from gateway.config.problems import Place

_MERGE: Final = "tag:yaml.org,2002:merge"


class Location(NamedTuple):
    """A position in a text file; both numbers begin at 1."""

    line: int
    column: int


def location(mark: yaml.Mark) -> Location:
    """Return the location of a mark of PyYAML, whose numbers begin at 0."""
    return Location(mark.line + 1, mark.column + 1)


class Locations:
    """The locations of all keys and values under a YAML node."""

    def __init__(self, root: yaml.Node) -> None:
        self._keys: dict[Place, Location] = {}
        self._values: dict[Place, Location] = {}
        self._add((), root)

    def of_key(self, place: Place) -> Location:
        """Return the location of a key."""
        return self._keys.get(place) or self.of_value(place)

    def of_value(self, place: Place) -> Location:
        """Return the location of a value. A missing value has the location of the mapping that lacks it."""
        while place not in self._values:
            place = place[:-1]
        return self._values[place]

    def _add(self, place: Place, node: yaml.Node) -> None:
        self._values.setdefault(place, location(node.start_mark))
        for part, key, value in _children(node):
            inner = (*place, part)
            self._keys.setdefault(inner, location(key.start_mark))
            self._add(inner, value)


def _children(node: yaml.Node) -> Iterator[tuple[int | str, yaml.Node, yaml.Node]]:
    """Yield index or key, the key's node, and the value's node. Merged mappings (`<<`) come after the own keys."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((index, item, item) for index, item in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                yield key.value, key, value
        for other in merged:
            yield from _children(other)


def is_recursive(node: yaml.Node, parents: frozenset[int] = frozenset()) -> bool:
    """Return whether an alias under the node refers to a node that contains it."""
    if id(node) in parents:
        return True
    inside = parents | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return any(is_recursive(part, inside) for pair in node.value for part in pair)
    return isinstance(node, yaml.SequenceNode) and any(is_recursive(item, inside) for item in node.value)
