"""Access classes: what a method can access, and the policy group of each class."""

from collections.abc import Mapping
from typing import Any, Final

from keyway.v1 import options_pb2
from keyway.v1.options_pb2 import (
    ACCESS_CLASS_KEY_USE,
    ACCESS_CLASS_PRIVATE_MATERIAL,
    ACCESS_CLASS_UNSPECIFIED,
    AccessClass,
)

__all__ = ["KEY_USE", "POLICY_GROUPS", "PRIVATE_MATERIAL", "UNSPECIFIED", "AccessClass"]

KEY_USE: Final = ACCESS_CLASS_KEY_USE
PRIVATE_MATERIAL: Final = ACCESS_CLASS_PRIVATE_MATERIAL
UNSPECIFIED: Final = ACCESS_CLASS_UNSPECIFIED

# The published type of this extension does not match the type that `Extensions[...]` requires.
_POLICY_GROUP: Final[Any] = options_pb2.policy_group


def _policy_groups() -> Mapping[int, str]:
    values = AccessClass.DESCRIPTOR.values
    names = {value.number: str(value.GetOptions().Extensions[_POLICY_GROUP]) for value in values}
    return {number: name for number, name in names.items() if name}


POLICY_GROUPS: Final = _policy_groups()
"""The name of the policy group of each access class that has one, by the number of the class."""
