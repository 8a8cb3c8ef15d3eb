"""The interceptor that validates requests against the contract, before the gateway calls an upstream.

All checks come from the descriptors (see `gateway.contract.field_checks`). A rejection lists all violations. The limits
of a single upstream are not checked here: its adapter checks them.
"""

from collections.abc import Awaitable, Iterator
from typing import Any

from google.protobuf.message import Message

from gateway.contract.field_checks import Check, MessageCheck, checks_for, message_checks_for
from gateway.errors import InvalidRequest, Violation
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext

FieldChecks = tuple[tuple[str, tuple[Check, ...]], ...]
"""The checks of each field that has any, by the name of the field."""


class _MessageType:
    """The checks of one message type.

    `fields` and `rules` check the message itself. `submessages` names its singular message fields, which have checks of
    their own. A batch validates its items itself, one by one.
    """

    def __init__(self, descriptor: Any) -> None:
        pairs = ((field.name, tuple(checks_for(field))) for field in descriptor.fields)
        self.fields: FieldChecks = tuple(pair for pair in pairs if pair[1])
        self.rules: tuple[MessageCheck, ...] = tuple(message_checks_for(descriptor))
        self.submessages = tuple(
            field.name for field in descriptor.fields if field.message_type and not field.is_repeated
        )
        self._flat = tuple((name, check) for name, checks in self.fields for check in checks)

    def is_plainly_valid(self, message: Message) -> bool:
        """Return whether nothing is wrong, as fast as possible. False also if the message has a submessage."""
        for name, check in self._flat:
            if check(getattr(message, name)) is not None:
                return False
        for rule in self.rules:
            if any(rule(message)):
                return False
        return not any(map(message.HasField, self.submessages))


_message_types: dict[str, _MessageType] = {}


def validate(message: Message) -> None:
    """Raise InvalidRequest with every violation in `message`, if it has any."""
    if not _message_type(message.DESCRIPTOR).is_plainly_valid(message):
        violations = list(_violations(message, ""))
        if violations:
            raise InvalidRequest(violations)


def _message_type(descriptor: Any) -> _MessageType:
    """Return the checks of a message type. They are made on first use."""
    known = _message_types.get(descriptor.full_name)
    if known is None:
        known = _message_types[descriptor.full_name] = _MessageType(descriptor)
    return known


def _violations(message: Message, prefix: str) -> Iterator[Violation]:
    kind = _message_type(message.DESCRIPTOR)
    for name, checks in kind.fields:
        value = getattr(message, name)
        problem = next(filter(None, (check(value) for check in checks)), None)
        if problem is not None:
            yield Violation(prefix + name, problem)
    for rule in kind.rules:
        yield from (Violation(prefix + field, problem) for field, problem in rule(message))
    for name in kind.submessages:
        if message.HasField(name):
            yield from _violations(getattr(message, name), f"{prefix}{name}.")


class _Validation:
    def intercept(self, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
        assert call.request is not None
        validate(call.request)
        return call_next(call)


def validation(_dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _Validation()
