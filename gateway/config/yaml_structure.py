"""Checks of the structure of a YAML document before its values are constructed: duplicate keys and aliases."""

from collections.abc import Iterator
from typing import Final

import yaml

MERGE: Final = "tag:yaml.org,2002:merge"
MAXIMUM_REPEATED_VALUES: Final = 20_000
"""Largest number of values that the aliases of a document add. Without a limit, a short file can exhaust the memory."""


class StructureError(yaml.MarkedYAMLError):
    """A document with a structure that the gateway does not accept. problem: quotes nothing but keys."""


def check_structure(root: yaml.Node) -> None:
    """Raise StructureError for a mapping with the same key twice, for recursive aliases, and for too many aliases."""
    sizes: dict[int, int] = {}
    repeated = _size(root, sizes) - len(sizes)
    if repeated > MAXIMUM_REPEATED_VALUES:
        raise StructureError(problem=f"aliases repeat more than {MAXIMUM_REPEATED_VALUES} values")


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return the number of values under a node, with those that aliases repeat. Each node is visited once.

    sizes: those of the visited nodes; 0 for a node that contains the present one.
    """
    size = sizes.get(id(node))
    if size is None:
        sizes[id(node)] = 0
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        size = sizes[id(node)] = 1 + sum(_size(child, sizes) for child in _children(node))
    elif size == 0:
        raise StructureError(problem="an alias refers to a value that contains it", problem_mark=node.start_mark)
    return size


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (part for pair in node.value for part in pair)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_keys(node: yaml.MappingNode) -> None:
    """Reject a second key of the same text. PyYAML silently uses the last value."""
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            if key.value in seen:
                raise StructureError(problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark)
            seen.add(key.value)
