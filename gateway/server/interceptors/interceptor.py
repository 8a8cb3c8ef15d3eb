"""The interface of an interceptor, and the components that interceptors depend on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from google.protobuf.message import Message

from gateway.authz.settings import LimitSettings
from gateway.redaction import DEFAULT_REDACTION, Redaction
from gateway.server.audit_recorder import AuditRecorder
from gateway.server.authenticators import AnonymousAuthenticator, Authenticator
from gateway.server.authorizer import Authorizer
from gateway.server.rate_limiter import RateLimiter
from gateway.server.rpc_context import RpcContext
from gateway.server.transport.draining import DrainGate
from gateway.telemetry.setup import Telemetry

CallNext = Callable[[RpcContext], Awaitable[Message]]
"""Continues the call with the next interceptor, or with the operation itself."""


class Interceptor(Protocol):
    """One step that every call passes. A server has one instance of each, which all methods share."""

    def intercept(self, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
        """Return the response of `call_next(call)`, or raise GatewayError to reject the call.

        A coroutine function if it awaits anything. An interceptor that only acts before the rest of the call returns
        `call_next(call)` without awaiting it, which saves a coroutine per call.
        """


@dataclass(frozen=True, slots=True)
class InterceptorDependencies:
    """The components that the interceptors use. None disables the interceptors of that component.

    merging_recorder: the recorder for methods whose repetitions are recorded together.
    redaction: how upstream text is recorded; each call carries it to the provider.
    providers: the IDs of the configured providers, which metrics may have as a label.
    """

    authenticator: Authenticator = field(default_factory=AnonymousAuthenticator)
    authorizer: Authorizer | None = None
    rate_limiter: RateLimiter = field(default_factory=lambda: RateLimiter(LimitSettings()))
    audit_recorder: AuditRecorder | None = None
    merging_recorder: AuditRecorder | None = None
    telemetry: Telemetry | None = None
    drain_gate: DrainGate = field(default_factory=DrainGate)
    redaction: Redaction = DEFAULT_REDACTION
    providers: frozenset[str] = frozenset()
