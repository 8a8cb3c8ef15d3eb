"""The interceptor that asks policy whether the caller may make the call.

A batch is authorized item by item: it continues without the items that policy denies. Authorization precedes
validation, so a name can still be invalid here. Policy decides about the name as it is.
"""

from google.protobuf.message import Message

from gateway.authz.targets import TARGETS
from gateway.contract.methods import BATCHES
from gateway.server.authorizer import Authorization, AuthorizationDenied, Authorizer
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext


class _Authorization:
    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        try:
            authorization = await self._authorize(call)
        except AuthorizationDenied as error:
            call.decisions = error.decisions
            raise
        call.decisions = authorization.decisions
        call.providers, call.denied = authorization.providers, authorization.denied
        return await call_next(call)

    async def _authorize(self, call: RpcContext) -> Authorization:
        assert call.request is not None
        assert call.caller is not None
        if call.method.operation in BATCHES:
            return await self._authorizer.authorize_batch(call.caller, call.method, call.request)
        target = TARGETS.get(call.method.operation)
        if target is not None and target.items is not None and getattr(call.request, target.items):
            return await self._authorizer.authorize_items(call.caller, call.method, call.request)
        return self._authorizer.authorize(call.caller, call.method, call.request)


def authorization(dependencies: InterceptorDependencies) -> Interceptor | None:
    """Create the interceptor; None without a policy."""
    return _Authorization(dependencies.authorizer) if dependencies.authorizer is not None else None
