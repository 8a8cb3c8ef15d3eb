"""Line and column of every key and value of a YAML document."""

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from gateway.config.problems import Place
from gateway.config.yaml_structure import MERGE


class Location(NamedTuple):
    """A position in a text file; both numbers begin at 1."""

    line: int
    column: int


def location(mark: yaml.Mark) -> Location:
    """Return the location of a mark of PyYAML, whose numbers begin at 0."""
    return Location(mark.line + 1, mark.column + 1)


class Locations:
    """The locations of the keys and values under a YAML node.

    A place is looked up from the root: a table of all places repeats the values of every alias.
    """

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    def of_key(self, place: Place) -> Location:
        """Return the location of a key; if it is missing, that of the mapping that lacks it."""
        return self._find(place)[0]

    def of_value(self, place: Place) -> Location:
        """Return the location of a value; if it is missing, that of the mapping that lacks it."""
        return self._find(place)[1]

    def _find(self, place: Place) -> tuple[Location, Location]:
        key = value = self._root
        for part in place:
            found = next(((key, value) for name, key, value in _children(value) if name == part), None)
            if found is None:
                return location(value.start_mark), location(value.start_mark)
            key, value = found
        return location(key.start_mark), location(value.start_mark)


def _children(node: yaml.Node) -> Iterator[tuple[int | str, yaml.Node, yaml.Node]]:
    """Yield index or key, the key's node, and the value's node. Merged mappings (`<<`) come after the own keys."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((index, item, item) for index, item in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                yield key.value, key, value
        for other in merged:
            yield from _children(other)
