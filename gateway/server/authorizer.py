"""The authorization of decoded requests: finds the resources in a request, and asks policy about each of them.

Requests are not validated yet, so a resource name can be invalid. Policy decides about it as it is, and validation
rejects it later. Policy itself is in `gateway.authz`.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf.message import Message

from gateway.audit_query.source import GATEWAY_LOG, OTHER_LOGS
from gateway.authz.decision import Decision
from gateway.authz.resources import bounded
from gateway.authz.targets import DELIVERIES, TARGETS, Target
from gateway.contract.methods import BATCHES, Method
from gateway.contract.resource_names import AUDIT_LOG, PROVIDER, WILDCARD
from gateway.errors import PERMISSION_DENIED, GatewayError, InvalidRequest, Violation
from gateway.identity.caller import Caller
from gateway.server.batch_limits import bounded_names, size_fault

if TYPE_CHECKING:
    from gateway.authz.engine import PolicyEngine

_AUDIT_LOG_TYPE: Final = "keyway.dev/AuditLog"
_ITEMS_PER_TURN: Final = 20
_MAXIMUM_RECORDED_ITEMS: Final = 1000
"""The maximum of the contract. Requests are not validated yet."""


@dataclass(slots=True)
class Authorization:
    """The result for a call that may continue.

    decisions: for the audit record.
    denied: the names in a batch that the caller may not use.
    providers: the ids of the providers, or of the audit logs, that a list over all of them may include; None for all
    other calls.
    """

    decisions: Sequence[Decision]
    denied: frozenset[str] = frozenset()
    providers: frozenset[str] | None = None


class AuthorizationDenied(GatewayError):
    """Policy denies the whole call. The message names the action and the resource, but no policy."""

    def __init__(self, decisions: Sequence[Decision], resource: str) -> None:
        super().__init__(PERMISSION_DENIED, denial(decisions[0].action), resource=resource)
        self.decisions = decisions


def denied_item(operation: str, name: str) -> GatewayError:
    """Return the error of a batch item that policy denies. operation: that of the item, such as `encrypt`."""
    return GatewayError(PERMISSION_DENIED, denial(TARGETS[operation].action), resource=name)


def denial(action: str) -> str:
    """Return the message for a caller that may not perform `action`."""
    return f"the caller lacks permission {action} on this resource"


_Check: TypeAlias = Callable[[Caller, Any], Authorization]


class Authorizer:
    """Authorizes requests with the policy engine. provider_ids: the ids of all configured providers."""

    def __init__(self, engine: "PolicyEngine", provider_ids: Iterable[str]) -> None:
        self._engine = engine
        self._providers = tuple(provider_ids)
        self._checks = {operation: self._check(target) for operation, target in {**TARGETS, **DELIVERIES}.items()}

    def authorize(self, caller: Caller, method: Method, request: Message) -> Authorization:
        """Authorize any request except a batch. Raises AuthorizationDenied."""
        return self._checks[method.operation](caller, request)

    def permits(self, caller: Caller, method: Method, request: Message) -> bool:
        """Return whether policy permits a request, which is then not made if it does not."""
        try:
            self._checks[method.operation](caller, request)
        except AuthorizationDenied:
            return False
        return True

    def on_reload(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the policies have been replaced. Return a function that ends this."""
        return self._engine.on_reload(listener)

    async def authorize_items(self, caller: Caller, method: Method, request: Message) -> Authorization:
        """Authorize a request for several resources. Raises AuthorizationDenied if policy denies one of them."""
        target = TARGETS[method.operation]
        assert target.items is not None
        assert target.item_type is not None
        decisions: list[Decision] = []
        if len(getattr(request, target.items)) > _MAXIMUM_RECORDED_ITEMS:
            fault = f"must have at most {_MAXIMUM_RECORDED_ITEMS} items"
            raise InvalidRequest([Violation(target.items, fault)])
        names = list(dict.fromkeys(getattr(request, target.items)))
        for index, name in enumerate(names):
            if index % _ITEMS_PER_TURN == _ITEMS_PER_TURN - 1 or not name.isascii():
                await asyncio.sleep(0)
            decisions.append(self._engine.decide(caller, target.action, bounded(name), target.item_type))
        denied = [decision for decision in decisions if not decision.allowed]
        if denied:
            raise AuthorizationDenied(decisions, denied[0].resource)
        return Authorization(decisions)

    async def authorize_batch(self, caller: Caller, method: Method, batch: Any) -> Authorization:
        """Authorize each item of a batch. Other calls get a turn between items. Never denies the batch as a whole."""
        if batch.requests and (fault := size_fault(batch.requests)) is not None:
            # Validation has the same check, but runs after authorization, which costs time for each name.
            raise InvalidRequest([Violation("requests", fault)])
        check = self._checks[BATCHES[method.operation]]
        decisions: list[Decision] = []
        denied: set[str] = set()
        for index, (name, item) in enumerate({item.name: item for item in batch.requests}.items()):
            # A long name that is not ASCII can take milliseconds.
            if index % _ITEMS_PER_TURN == _ITEMS_PER_TURN - 1 or not name.isascii():
                await asyncio.sleep(0)
            try:
                decisions.extend(check(caller, item).decisions)
            except AuthorizationDenied as error:
                decisions.extend(error.decisions)
                denied.add(name)
        return Authorization(decisions, frozenset(denied))

    def _check(self, target: Target) -> _Check:
        if target.field is None:
            return self._check_every(target)
        if target.has_wildcard:
            return self._check_one_or_every(target, target.field)
        if target.child is not None:
            return self._check_child(target)
        if target.private_flag is not None:
            return self._check_private_key_flag(target, target.field, target.private_flag)
        return self._check_named(target.action, target.resource_type, target.field)

    def _check_named(self, action: str, resource_type: str, field: str) -> _Check:
        engine = self._engine

        def check(caller: Caller, request: Any) -> Authorization:
            decision = engine.decide(caller, action, bounded(getattr(request, field)), resource_type)
            if not decision.allowed:
                raise AuthorizationDenied((decision,), decision.resource)
            return Authorization((decision,))

        return check

    def _check_private_key_flag(self, target: Target, field: str, flag: str) -> _Check:
        without = self._check_named(target.action, target.resource_type, field)
        assert target.private_action is not None
        with_key = self._check_named(target.private_action, target.resource_type, field)

        def check(caller: Caller, request: Any) -> Authorization:
            return with_key(caller, request) if getattr(request, flag) else without(caller, request)

        return check

    def _check_child(self, target: Target) -> _Check:
        def check(caller: Caller, request: Any) -> Authorization:
            name = _name(target, request)
            decision = self._engine.decide(caller, target.action, name, target.resource_type)
            if not decision.allowed:
                raise AuthorizationDenied((decision,), name)
            return Authorization((decision,))

        return check

    def _check_one_or_every(self, target: Target, field: str) -> _Check:
        one = self._check_named(target.action, target.resource_type, field)
        every = self._check_every(target)
        wildcard = self._name_of(target, WILDCARD)

        def check(caller: Caller, request: Any) -> Authorization:
            return (every if getattr(request, field) == wildcard else one)(caller, request)

        return check

    def _check_every(self, target: Target) -> _Check:
        """Return the check of a list over all providers, or over all audit logs."""
        ids = (
            (*self._providers, GATEWAY_LOG, OTHER_LOGS) if target.resource_type == _AUDIT_LOG_TYPE else self._providers
        )
        names = {each: self._name_of(target, each) for each in ids}
        wildcard = self._name_of(target, WILDCARD)

        def check(caller: Caller, _request: Any) -> Authorization:
            decisions = {
                each: self._engine.decide(caller, target.action, name, target.resource_type)
                for each, name in names.items()
            }
            allowed = frozenset(each for each, decision in decisions.items() if decision.allowed)
            if names and not allowed:
                raise AuthorizationDenied(tuple(decisions.values()), wildcard)
            return Authorization(tuple(decisions.values()), providers=allowed)

        return check

    @staticmethod
    def _name_of(target: Target, last_segment: str) -> str:
        pattern = AUDIT_LOG if target.resource_type == _AUDIT_LOG_TYPE else PROVIDER
        return pattern.format(provider=last_segment)


def resources(method: Method, request: Any) -> Sequence[tuple[str, str]]:
    """Return the type and full name of each resource in a request, without duplicates, for the audit record."""
    if method.operation in BATCHES:
        target = TARGETS[BATCHES[method.operation]]
        return [(target.resource_type, bounded(name)) for name in bounded_names(request.requests)]
    target = TARGETS.get(method.operation) or DELIVERIES[method.operation]
    if target.items is not None and target.item_type is not None and (names := getattr(request, target.items)):
        return [(target.item_type, bounded(name)) for name in dict.fromkeys(names[:_MAXIMUM_RECORDED_ITEMS])]
    return [(target.resource_type, _name(target, request))] if target.field is not None else ()


def _name(target: Target, request: Any) -> str:
    name: str = getattr(request, target.field or "")
    if target.child is not None:
        collection, id_field = target.child
        name = f"{name}/{collection}/{getattr(request, id_field)}"
    return bounded(name)
