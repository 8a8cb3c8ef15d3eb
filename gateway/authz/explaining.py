"""Explanations of decisions, for people who write policies."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.authz.actions import ACTIONS, PRIVATE
from gateway.authz.built_in import BUILT_IN
from gateway.authz.decision import Decision
from gateway.authz.policies import Policies
from gateway.authz.principals import caller_id
from gateway.authz.resources import accepted_types
from gateway.authz.targets import TARGETS
from gateway.config.base import ConfigError
from gateway.contract.methods import BATCHES, snake_case
from gateway.contract.spelling import is_nfc, nfc
from gateway.identity.caller import Caller


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its reasons.

    groups: the groups of the caller in the entities file. locations: the locations of the policies that decided.
    unnamed: the names of permits that would apply if they named the action, which reads private material.
    """

    caller: str
    groups: tuple[str, ...]
    decision: Decision
    locations: tuple[str, ...]
    unnamed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as a JSON object, for programs."""
        decision = self.decision
        return {
            "allowed": decision.allowed,
            "caller": self.caller,
            "groups": list(self.groups),
            "action": decision.action,
            "resource_type": decision.resource_type,
            "resource": decision.resource,
            **({} if is_nfc(decision.resource) else {"resource_nfc": nfc(decision.resource)}),
            "policies": [
                {"id": name, "place": location}
                for name, location in zip(decision.policies, self.locations, strict=True)
            ],
            "permits_that_do_not_name_the_action": list(self.unnamed),
        }

    def as_text(self) -> str:
        """Return the explanation as text, for people."""
        decision = self.decision
        lines = [
            f"{'ALLOWED' if decision.allowed else 'DENIED'}: {self.caller} {decision.action} {decision.resource}",
            *_other_spelling(decision.resource),
            f"groups in the entities file: {', '.join(self.groups) or 'none'}",
            *self._reasons(),
        ]
        return "\n".join(lines)

    def _reasons(self) -> Iterator[str]:
        decision = self.decision
        verb = "permitted" if decision.allowed else "forbidden"
        for name, location in zip(decision.policies, self.locations, strict=True):
            yield f"{verb} by {name} ({location})" if name != location else f"{verb} by {name}"
        if not decision.policies:
            yield "no policy permits it"
        for name in self.unnamed:
            yield (
                f"{name} would permit it, but does not name {decision.action}; "
                "a policy must name an action that reads private material"
            )


def _other_spelling(resource: str) -> Iterator[str]:
    if not is_nfc(resource):
        yield f"the resource name is not in NFC; also evaluated as {nfc(resource)}"


def explain(loaded: Policies, caller: Caller, action: str, resource: str) -> Explanation:
    """Return the decision about an action with its reasons. Raise ConfigError if the resource name is not valid.

    action: as `action_of` returns it.
    """
    resource_type = _type_of(resource, action)
    decision = loaded.decide(caller, action, resource, resource_type)
    locations = {policy.name: policy.location for policy in (*BUILT_IN, *loaded.policies)}
    unnamed: tuple[str, ...] = ()
    if action in PRIVATE and not decision.policies:
        _, unnamed = loaded.as_written.evaluate(caller, action, resource, resource_type, by_all=True)
    return Explanation(
        caller=caller_id(caller),
        groups=loaded.groups.memberships.get(caller_id(caller), ()),
        decision=decision,
        locations=tuple(locations[name] for name in decision.policies),
        unnamed=unnamed,
    )


def _type_of(resource: str, action: str) -> str:
    """Return the type of a resource. Raise ConfigError if the action does not apply to it."""
    accepted = {name: accepted_types(name) for name in ACTIONS[action].resource_types}
    for name, types in accepted.items():
        if any(each.pattern.parse(resource) is not None for each in types):
            return name
    expected = " or ".join(each.pattern.template for types in accepted.values() for each in types)
    raise ConfigError(f"--resource: {action} requires a name like {expected}")


def action_of(method: str, *, include_private_key: bool) -> str:
    """Return the action of a method; for a batch, the action of its items. Raise ConfigError for an unknown method."""
    operation = snake_case(method.rpartition("/")[2])
    target = TARGETS.get(BATCHES.get(operation, operation))
    if target is None:
        names = ", ".join(sorted(target.action for target in TARGETS.values()))
        raise ConfigError(f"--method: unknown method {method}; the methods are {names}")
    if not include_private_key:
        return target.action
    if target.private_action is None:
        raise ConfigError(f"--include-private-key: {method} does not accept include_private_key")
    return target.private_action
