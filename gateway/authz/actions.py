"""The actions that policies permit: one for each method, and the groups that contain several actions.

Groups and members follow from the access class that the contract states for each method. An action that reads private
material is in no group: a policy must name it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.authz.resources import accepted_types
from gateway.authz.targets import TARGETS, Target
from gateway.contract.access import POLICY_GROUPS

ACTION: Final = "Keyway::Action"


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    private: whether it reads private material, so that no wildcard and no group covers it. resource_types: the types,
    in the contract, of the resources that the request can name. entities: the entity types that these resources can
    have in a policy. groups: the groups that contain the action.
    """

    name: str
    private: bool
    resource_types: tuple[str, ...]
    entities: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def resource_type(self) -> str:
        """The type of the resource of a request that names one."""
        return self.resource_types[0]


def _actions_of(target: Target) -> Iterator[Action]:
    types = (target.resource_type,) if target.item_type is None else (target.resource_type, target.item_type)
    entities = tuple(accepted.entity for each in types for accepted in accepted_types(each))
    groups = (target.group,) if target.group is not None else ()
    yield Action(target.action, target.private, types, entities, groups)
    if target.private_action is not None:
        yield Action(target.private_action, True, types, entities, ())


def _by_name(actions: Iterator[Action]) -> Mapping[str, Action]:
    found: dict[str, Action] = {}
    for action in actions:
        if action.name in found or action.name in POLICY_GROUPS.values():
            raise ValueError(f"two actions have the name {action.name}")
        found[action.name] = action
    return found


ACTIONS: Final = _by_name(action for target in TARGETS.values() for action in _actions_of(target))
"""Every action, by name."""

GROUPS: Final[Mapping[str, frozenset[str]]] = {
    group: frozenset(action.name for action in ACTIONS.values() if group in action.groups)
    for group in POLICY_GROUPS.values()
}
"""The names of the actions in each group, by the name of the group."""

PRIVATE: Final = frozenset(name for name, action in ACTIONS.items() if action.private)
"""The names of the actions that read private material."""
