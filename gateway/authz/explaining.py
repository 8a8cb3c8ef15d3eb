"""Why a caller may do something or not, for people who write policies."""

from dataclasses import dataclass
from typing import Any

from gateway.authz.actions import ACTIONS, PRIVATE
from gateway.authz.policies import Decision, Policies
from gateway.authz.principals import caller_id
from gateway.authz.resources import accepted_types
from gateway.authz.targets import TARGETS
from gateway.config.base import ConfigError
from gateway.contract.methods import BATCHES, snake_case
from gateway.identity.caller import Caller


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with what it rests on.

    groups: that the entities file puts the caller in. places: of the policies that decided. unnamed: permits that would
    have allowed it, were reading private material not to be named.
    """

    caller: str
    groups: tuple[str, ...]
    decision: Decision
    places: tuple[str, ...]
    unnamed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        decision = self.decision
        return {
            "allowed": decision.allowed,
            "caller": self.caller,
            "groups": list(self.groups),
            "action": decision.action,
            "resource_type": decision.resource_type,
            "resource": decision.resource,
            "policies": [
                {"id": name, "place": place} for name, place in zip(decision.policies, self.places, strict=True)
            ],
            "permits_that_do_not_name_the_action": list(self.unnamed),
        }

    def as_text(self) -> str:
        """For people."""
        decision = self.decision
        lines = [
            f"{'ALLOWED' if decision.allowed else 'DENIED'}: {self.caller} {decision.action} {decision.resource}",
            f"groups of the entities file: {', '.join(self.groups) or 'none'}",
        ]
        verb = "permitted" if decision.allowed else "forbidden"
        named = zip(decision.policies, self.places, strict=True)
        lines.extend(f"{verb} by {name} ({place})" if name != place else f"{verb} by {name}" for name, place in named)
        if not decision.policies:
            lines.append("no policy permits it")
        lines.extend(
            f"{name} would permit it, but does not name {decision.action}, as reading private material needs"
            for name in self.unnamed
        )
        return "\n".join(lines)


def explain(loaded: Policies, caller: Caller, action: str, resource: str) -> Explanation:
    """The decision about an action of `action_of`, and why; ConfigError where the resource's name can't be one."""
    taken = accepted_types(ACTIONS[action].resource_type)
    if all(resource_type.pattern.parse(resource) is None for resource_type in taken):
        expected = " or ".join(resource_type.pattern.template for resource_type in taken)
        raise ConfigError(f"--resource: {action} is about {expected}")
    resource_type = ACTIONS[action].resource_type
    decision = loaded.decide(caller, action, resource, resource_type)
    places = {policy.name: policy.place for policy in loaded.policies}
    unnamed: tuple[str, ...] = ()
    if action in PRIVATE and not decision.policies:
        _, unnamed = loaded.evaluate(loaded.for_all, caller, action, resource, resource_type)
    return Explanation(
        caller=caller_id(caller),
        groups=loaded.groups.memberships.get(caller_id(caller), ()),
        decision=decision,
        places=tuple(places[name] for name in decision.policies),
        unnamed=unnamed,
    )


def action_of(method: str, *, include_private_key: bool) -> str:
    """The action of a method by its name, of a batch its items'; ConfigError where there is none."""
    operation = snake_case(method.rpartition("/")[2])
    target = TARGETS.get(BATCHES.get(operation, operation))
    if target is None:
        names = ", ".join(sorted(target.action for target in TARGETS.values()))
        raise ConfigError(f"--method: there is no {method}; there are {names}")
    if not include_private_key:
        return target.action
    if target.private_action is None:
        raise ConfigError(f"--include-private-key: {method} does not accept include_private_key")
    return target.private_action
