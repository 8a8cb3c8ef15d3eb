"""Evaluation of calls by Cedar, with one set of policies and groups. If a policy cannot be evaluated, the call is
denied.
"""

import json
from dataclasses import dataclass, field
from typing import Final

import cedarpy
import structlog

from gateway.authz.actions import ACTION, ACTIONS, PRIVATE, Action
from gateway.authz.groups import Groups
from gateway.authz.normalization import normalized
from gateway.authz.principals import CALLER, GROUP, caller_id
from gateway.authz.resources import Entity, lineage
from gateway.authz.schema import schema
from gateway.contract.spelling import nfc
from gateway.identity.caller import Caller

_MAXIMUM_POLICIES_NAMED: Final = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A set of policies with the groups that they refer to.

    for_all: all policies. for_private: the policies that count for actions that read private material.
    in_nfc: whether the texts of callers and resources are converted to NFC first, as those of the policies have been.
    """

    groups: Groups
    for_all: cedarpy.PolicySet = field(repr=False)
    for_private: cedarpy.PolicySet = field(repr=False)
    in_nfc: bool = False

    def evaluate(
        self, caller: Caller, action: str, resource: str, resource_type: str, *, by_all: bool = False
    ) -> tuple[bool, tuple[str, ...]]:
        """Return whether the policies permit the call, and the names of the policies that decided.

        by_all: whether all policies count, also for an action that reads private material.
        """
        policy_set = self.for_private if action in PRIVATE and not by_all else self.for_all
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
        if self.in_nfc:
            # The entities are normalized, not the name: the NFC form can be longer than the longest valid name.
            entities = normalized(entities)
        request = {"principal": entities[0]["uid"], "action": entities[1]["uid"], "resource": entities[2]["uid"]}
        known = cedarpy.Entities.from_json_str(json.dumps(entities))
        return cedarpy.is_authorized(request, policy_set, known, schema=schema())

    def _caller(self, caller: Caller) -> Entity:
        name = nfc(caller_id(caller)) if self.in_nfc else caller_id(caller)
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
