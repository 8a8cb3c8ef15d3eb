"""From a decoded request to the resources that it is about, and what policy says of the caller's way to them.

Comes before the request is validated: a name that is none is asked for as it stands, and refused later if policy does
not refuse it. Policy itself is `gateway.authz`.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message

from gateway.authz.engine import Decision, PolicyEngine
from gateway.authz.resources import bounded
from gateway.authz.targets import TARGETS, Target
from gateway.contract.methods import BATCHES, METHODS, Method
from gateway.contract.resource_names import PROVIDER, WILDCARD
from gateway.errors import PERMISSION_DENIED, GatewayError, InvalidRequest, Violation
from gateway.identity.caller import Caller
from gateway.server.services.batches import bounded_names, size_fault

_EVERY_PROVIDER: Final = PROVIDER.format(provider=WILDCARD)
_ITEMS_AT_ONCE: Final = 20


@dataclass(slots=True)
class Authorization:
    """What policy said of one call that may go on.

    decisions: for the audit. denied: names of the batch's items that may not. providers: the ids of those that a list
    over all providers may tell of; None where the call is no such list.
    """

    decisions: Sequence[Decision]
    denied: frozenset[str] = frozenset()
    providers: frozenset[str] | None = None


class Denied(GatewayError):
    """Policy refuses the whole call. The caller learns what it may not do to which resource, and no policy's name."""

    def __init__(self, decisions: Sequence[Decision], resource: str) -> None:
        super().__init__(PERMISSION_DENIED, denial(decisions[0].action), resource=resource)
        self.decisions = decisions


def denied_item(operation: str, name: str) -> GatewayError:
    """What a batch's item ends in that the caller may not use; operation: what the item is."""
    return GatewayError(PERMISSION_DENIED, denial(TARGETS[operation].action), resource=name)


def denial(action: str) -> str:
    """What a caller is told who may not do `action`."""
    return f"the caller is not permitted {action} on this resource"


_Check: TypeAlias = Callable[[Caller, Any], Authorization]


class Authorizer:
    """Asks the engine about requests. provider_ids: of all providers that there are."""

    def __init__(self, engine: PolicyEngine, provider_ids: Iterable[str]) -> None:
        self._engine = engine
        self._providers = tuple(provider_ids)
        self._checks = {
            method.operation: self._check(TARGETS[method.operation])
            for method in METHODS
            if method.operation not in BATCHES
        }

    def authorize(self, caller: Caller, method: Method, request: Message) -> Authorization:
        """What policy says of any request but a batch; Denied where it refuses."""
        return self._checks[method.operation](caller, request)

    async def authorize_batch(self, caller: Caller, method: Method, batch: Any) -> Authorization:
        """What policy says of each item of a batch; other calls have their turn meanwhile. Never refuses the whole."""
        if batch.requests and (fault := size_fault(batch.requests)) is not None:
            # Validation would refuse it in the same words, but only after every one of its names was asked for.
            raise InvalidRequest([Violation("requests", fault)])
        check = self._checks[BATCHES[method.operation]]
        decisions: list[Decision] = []
        denied: set[str] = set()
        for index, (name, item) in enumerate({item.name: item for item in batch.requests}.items()):
            if index % _ITEMS_AT_ONCE == _ITEMS_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                decisions.extend(check(caller, item).decisions)
            except Denied as error:
                decisions.extend(error.decisions)
                denied.add(name)
        return Authorization(decisions, frozenset(denied))

    def _check(self, target: Target) -> _Check:
        if target.field is None:
            return self._of_every_provider(target)
        if target.lists_providers:
            return self._of_one_or_every_provider(target, target.field)
        if target.child is not None:
            return self._of_child(target)
        if target.private_flag is not None:
            return self._with_or_without_private_key(target, target.field, target.private_flag)
        return self._of_named(target.action, target.resource_type, target.field)

    def _of_named(self, action: str, resource_type: str, field: str) -> _Check:
        engine = self._engine

        def check(caller: Caller, request: Any) -> Authorization:
            decision = engine.decide(caller, action, bounded(getattr(request, field)), resource_type)
            if not decision.allowed:
                raise Denied((decision,), decision.resource)
            return Authorization((decision,))

        return check

    def _with_or_without_private_key(self, target: Target, field: str, flag: str) -> _Check:
        without = self._of_named(target.action, target.resource_type, field)
        assert target.private_action is not None
        with_key = self._of_named(target.private_action, target.resource_type, field)

        def check(caller: Caller, request: Any) -> Authorization:
            return with_key(caller, request) if getattr(request, flag) else without(caller, request)

        return check

    def _of_child(self, target: Target) -> _Check:
        def check(caller: Caller, request: Any) -> Authorization:
            name = _name(target, request)
            decision = self._engine.decide(caller, target.action, name, target.resource_type)
            if not decision.allowed:
                raise Denied((decision,), name)
            return Authorization((decision,))

        return check

    def _of_one_or_every_provider(self, target: Target, field: str) -> _Check:
        one = self._of_named(target.action, target.resource_type, field)
        every = self._of_every_provider(target)

        def check(caller: Caller, request: Any) -> Authorization:
            return (every if getattr(request, field) == _EVERY_PROVIDER else one)(caller, request)

        return check

    def _of_every_provider(self, target: Target) -> _Check:
        names = {provider: PROVIDER.format(provider=provider) for provider in self._providers}

        def check(caller: Caller, _request: Any) -> Authorization:
            decisions = {
                provider: self._engine.decide(caller, target.action, name, target.resource_type)
                for provider, name in names.items()
            }
            allowed = frozenset(provider for provider, decision in decisions.items() if decision.allowed)
            if names and not allowed:
                raise Denied(tuple(decisions.values()), _EVERY_PROVIDER)
            return Authorization(tuple(decisions.values()), providers=allowed)

        return check


def resources(method: Method, request: Any) -> Sequence[tuple[str, str]]:
    """What a request is about, for the record: types and full names, each once. Asks no policy."""
    if method.operation in BATCHES:
        target = TARGETS[BATCHES[method.operation]]
        return [(target.resource_type, bounded(name)) for name in bounded_names(request.requests)]
    target = TARGETS[method.operation]
    return [(target.resource_type, _name(target, request))] if target.field is not None else ()


def _name(target: Target, request: Any) -> str:
    name: str = getattr(request, target.field or "")
    if target.child is not None:
        collection, id_field = target.child
        name = f"{name}/{collection}/{getattr(request, id_field)}"
    return bounded(name)
