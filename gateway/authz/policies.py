"""A loaded set of policies and its decisions. The set is immutable: after a change, the engine replaces it.

No wildcard covers reading private material: for these actions, only permits that name one of them in their scope count.
Forbids always count. If a policy cannot be evaluated, the call is denied.
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
from gateway.config.problems import FileError, Place
from gateway.identity.caller import Caller

_MAXIMUM_POLICIES_NAMED: Final = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one call. It is not for callers.

    policies: the names of the policies that decided; empty if no policy permitted the call.
    """

    action: str
    resource_type: str
    resource: str
    allowed: bool
    policies: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.action, self.resource_type, self.resource, self.allowed)))

    def __hash__(self) -> int:
        # Computed once: decisions are cached, and every call uses them as a key.
        return self._hash


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies with the groups that they refer to.

    for_all: all policies. for_private: the policies that count for actions that read private material.
    """

    policies: tuple[Policy, ...]
    groups: Groups
    for_all: cedarpy.PolicySet = field(repr=False)
    for_private: cedarpy.PolicySet = field(repr=False)

    def decide(self, caller: Caller, action: str, resource: str, resource_type: str) -> Decision:
        """Return the decision about one call. `PolicyEngine.decide` describes the arguments."""
        policy_set = self.for_private if action in PRIVATE else self.for_all
        allowed, reasons = self.evaluate(policy_set, caller, action, resource, resource_type)
        return Decision(action, resource_type, resource, allowed, reasons)

    def evaluate(
        self, policy_set: cedarpy.PolicySet, caller: Caller, action: str, resource: str, resource_type: str
    ) -> tuple[bool, tuple[str, ...]]:
        """Return whether a policy set permits the call, and the names of the policies that decided."""
        try:
            result = self._authorize(policy_set, caller, action, lineage(resource, resource_type))
        except ValueError as error:
            # The subject of a token, for example, can contain a lone surrogate, which Cedar does not accept.
            _log.warning("policy_request_invalid", action=action, error=type(error).__name__)
            return False, ()
        problems = result.diagnostics.errors
        if problems:
            _log.error("policy_evaluation_failed", action=action, resource=resource, error=problems)
            return False, ()
        return result.allowed, tuple(sorted(result.diagnostics.reasons)[:_MAXIMUM_POLICIES_NAMED])

    def _authorize(
        self, policy_set: cedarpy.PolicySet, caller: Caller, action: str, resource: list[Entity]
    ) -> cedarpy.AuthzResult:
        entities = [self._caller(caller), _action(ACTIONS[action]), *resource]
        request = {"principal": entities[0]["uid"], "action": entities[1]["uid"], "resource": resource[0]["uid"]}
        known = cedarpy.Entities.from_json_str(json.dumps(entities))
        return cedarpy.is_authorized(request, policy_set, known, schema=schema())

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
    parents = [{"type": ACTION, "id": group} for group in action.groups]
    return {"uid": {"type": ACTION, "id": action.name}, "attrs": {}, "parents": parents}


def load(settings: PolicySettings) -> Policies:
    """Return the policies in the files of the settings. Raise FileError with every error in them."""
    problems: dict[Place, list[str]] = {}
    policies = sources.read(settings.policy_files, problems)
    known = groups.read(settings.entities_file, problems.setdefault(("entities_file",), []))
    lines = [f"policy: {text}" for texts in problems.values() for text in texts]
    if lines:
        raise FileError("\n".join(lines), problems)
    return Policies(policies, known, _policy_set(policies), _policy_set(_counting_for_private(policies)))


def _counting_for_private(policies: Iterable[Policy]) -> Iterator[Policy]:
    return (policy for policy in policies if policy.names_private or not policy.permits)


def _policy_set(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    """Return a Cedar policy set in which each policy has its name."""
    trees = {policy.name: policy.tree for policy in policies}
    text = json.dumps({"staticPolicies": trees, "templates": {}, "templateLinks": []})
    # This step is slow for many policies. Without the GIL, calls continue meanwhile.
    return cedarpy.PolicySet.from_json_str(text, release_gil=True)
