"""The interceptor that asks policy whether the caller may make the call.

A batch is authorized item by item: it continues without the items that policy denies. Authorization precedes
validation, so a name can still be invalid here. Policy decides about the name as it is.
"""

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from gateway.authz.targets import TARGETS
from gateway.contract.methods import BATCHES, Method
from gateway.identity.caller import Caller
from gateway.server.authorizer import Authorization, AuthorizationDenied, Authorizer
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext

_AuthorizeSeveral = Callable[[Caller, Method, Message], Awaitable[Authorization]]


class _Authorization:
    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def intercept(self, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
        assert call.request is not None
        assert call.caller is not None
        several = self._several(call.method, call.request)
        if several is not None:
            return self._wait(several(call.caller, call.method, call.request), call_next, call)
        try:
            authorization = self._authorizer.authorize(call.caller, call.method, call.request)
        except AuthorizationDenied as error:
            call.decisions = error.decisions
            raise
        return _continue(authorization, call_next, call)

    def _several(self, method: Method, request: Message) -> _AuthorizeSeveral | None:
        """Return the method that authorizes a request for several resources; None for one resource."""
        if method.operation in BATCHES:
            return self._authorizer.authorize_batch
        target = TARGETS.get(method.operation)
        has_items = target is not None and target.items is not None and getattr(request, target.items)
        return self._authorizer.authorize_items if has_items else None

    async def _wait(self, authorizing: Awaitable[Authorization], call_next: CallNext, call: RpcContext) -> Message:
        try:
            authorization = await authorizing
        except AuthorizationDenied as error:
            call.decisions = error.decisions
            raise
        return await _continue(authorization, call_next, call)


def _continue(authorization: Authorization, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
    call.decisions = authorization.decisions
    call.providers, call.denied = authorization.providers, authorization.denied
    return call_next(call)


def authorization(dependencies: InterceptorDependencies) -> Interceptor | None:
    """Create the interceptor; None without a policy."""
    return _Authorization(dependencies.authorizer) if dependencies.authorizer is not None else None
