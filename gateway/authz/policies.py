"""A set of policies that was read, and what it decides. It does not change: the engine replaces it by another.

Reading private material is never covered by a wildcard: for those actions only the permits count whose scope names one
of them. Forbids always count. What can't be evaluated is denied.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import cedarpy
import structlog

from gateway.authz import groups, sources
from gateway.authz.actions import ACTION, ACTIONS, PRIVATE, Action
from gateway.authz.groups import Groups
from gateway.authz.principals import CALLER, GROUP, caller_id
from gateway.authz.resources import Entity, lineage
from gateway.authz.schema import schema
from gateway.authz.settings import PolicySettings
from gateway.authz.sources import Policy
from gateway.config.base import ConfigError
from gateway.identity.caller import Caller

_MAXIMUM_POLICIES_NAMED: Final = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy said. policies: that decided, by name; none where nothing permitted it. Never for callers' eyes."""

    action: str
    resource_type: str
    resource: str
    allowed: bool
    policies: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.action, self.resource_type, self.resource, self.allowed)))

    def __hash__(self) -> int:
        # Counted once: decisions are remembered, and looked up by in every call.
        return self._hash


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies with the groups that they speak of. for_private: those that count where private material is read."""

    policies: tuple[Policy, ...]
    groups: Groups
    for_all: cedarpy.PolicySet = field(repr=False)
    for_private: cedarpy.PolicySet = field(repr=False)

    def decide(self, caller: Caller, action: str, resource: str, resource_type: str) -> Decision:
        """Whether the caller may do that; see `PolicyEngine.decide`."""
        which = self.for_private if action in PRIVATE else self.for_all
        allowed, reasons = self.evaluate(which, caller, action, resource, resource_type)
        return Decision(action, resource_type, resource, allowed, reasons)

    def evaluate(
        self, which: cedarpy.PolicySet, caller: Caller, action: str, resource: str, resource_type: str
    ) -> tuple[bool, tuple[str, ...]]:
        """Whether `which` allows it, and the policies that said so. Every resource and caller is given as it is."""
        try:
            family = lineage(resource, resource_type)
            entities = [self._caller(caller), _action(ACTIONS[action]), *family]
            request = {
                "principal": entities[0]["uid"],
                "action": entities[1]["uid"],
                "resource": family[0]["uid"],
            }
            known = cedarpy.Entities.from_json_str(json.dumps(entities))
            result = cedarpy.is_authorized(request, which, known, schema=schema())
        except ValueError as error:
            # A token's subject, for one, can hold half of a surrogate pair, which is no text outside of Python.
            _log.warning("policy can't be asked: denied", action=action, fault=type(error).__name__)
            return False, ()
        faults = result.diagnostics.errors
        if faults:
            _log.error("policy can't be evaluated: denied", action=action, resource=resource, faults=faults)
            return False, ()
        return result.allowed, tuple(sorted(result.diagnostics.reasons)[:_MAXIMUM_POLICIES_NAMED])

    def _caller(self, caller: Caller) -> Entity:
        name = caller_id(caller)
        return {
            "uid": {"type": CALLER, "id": name},
            "attrs": {
                "kind": caller.kind,
                "issuer": caller.issuer,
                "groups": caller.groups,
                "scopes": caller.scopes,
            },
            "parents": [{"type": GROUP, "id": group} for group in self.groups.memberships.get(name, ())],
        }


def _action(action: Action) -> Entity:
    groups_of = [{"type": ACTION, "id": group} for group in action.groups]
    return {"uid": {"type": ACTION, "id": action.name}, "attrs": {}, "parents": groups_of}


def load(settings: PolicySettings) -> Policies:
    """What the settings' files hold; ConfigError with every fault in them."""
    faults: list[str] = []
    policies = sources.read(settings.policy_files, faults)
    known = groups.read(settings.entities_file, faults)
    if faults:
        raise ConfigError("\n".join(f"policy: {fault}" for fault in faults))
    return Policies(policies, known, _parsed(policies), _parsed(_counting_for_private(policies)))


def _counting_for_private(policies: Iterable[Policy]) -> Iterator[Policy]:
    return (policy for policy in policies if policy.names_private or not policy.permits)


def _parsed(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    """A set in which Cedar knows each policy by its name."""
    trees = {policy.name: policy.tree for policy in policies}
    text = json.dumps({"staticPolicies": trees, "templates": {}, "templateLinks": []})
    # The one step that takes long where there are many: calls go on meanwhile.
    return cedarpy.PolicySet.from_json_str(text, release_gil=True)
