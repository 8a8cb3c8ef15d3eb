"""The interceptor that identifies the caller."""

from google.protobuf.message import Message

from gateway.server.authenticators import Authenticator
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext


class _Authentication:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        call.caller = await self._authenticator.authenticate(call.transport, call.metadata)
        return await call_next(call)


def authentication(dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _Authentication(dependencies.authenticator)
