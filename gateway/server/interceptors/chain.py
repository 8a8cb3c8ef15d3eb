"""The ordered list of interceptors, and their composition around a handler."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from gateway.server.interceptors.audit_intent import audit_intent
from gateway.server.interceptors.audit_rejections import audit_rejections
from gateway.server.interceptors.authentication import authentication
from gateway.server.interceptors.authorization import authorization
from gateway.server.interceptors.decoding import decoding
from gateway.server.interceptors.drain_gate import drain_gate
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.interceptors.rate_limits import rate_limits
from gateway.server.interceptors.tracing import tracing
from gateway.server.interceptors.validation import validation

InterceptorFactory = Callable[[InterceptorDependencies], Interceptor | None]
"""Returns the interceptor, or None if the server does not need it."""

INTERCEPTORS: Final[tuple[InterceptorFactory, ...]] = (
    tracing,
    audit_rejections,
    drain_gate,
    authentication,
    decoding,
    authorization,
    rate_limits,
    validation,
    audit_intent,
)
"""The interceptors in the order in which a call passes them. This list is the composition."""

IN_PROCESS: Final = tuple(each for each in INTERCEPTORS if each not in (authentication, decoding))
"""The interceptors of a call from the gateway itself, which has a caller and a decoded request."""


DELIVERY: Final[tuple[InterceptorFactory, ...]] = (tracing, audit_rejections, authorization, audit_intent)
"""The interceptors of one event on a stream. The opening of the stream has passed all of them."""


def create_interceptors(
    dependencies: InterceptorDependencies, factories: Sequence[InterceptorFactory] = INTERCEPTORS
) -> Sequence[Interceptor]:
    """Return interceptors in order, by default those of a call over the network."""
    created = (create(dependencies) for create in factories)
    return [interceptor for interceptor in created if interceptor is not None]


def chain(interceptors: Sequence[Interceptor], handler: CallNext) -> CallNext:
    """Return `handler` inside the interceptors, the first one outermost. Runs once per method, at start-up."""
    for interceptor in reversed(interceptors):
        handler = partial(interceptor.intercept, handler)
    return handler
