"""The interceptor that identifies the caller."""

from collections.abc import Awaitable

from google.protobuf.message import Message

from gateway.server.authenticators import Authenticator
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext


class _Authentication:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def intercept(self, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
        call.caller = self._authenticator.recognize(call.transport, call.metadata)
        return call_next(call) if call.caller is not None else self._wait(call_next, call)

    async def _wait(self, call_next: CallNext, call: RpcContext) -> Message:
        call.caller = await self._authenticator.authenticate(call.transport, call.metadata)
        return await call_next(call)


def authentication(dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _Authentication(dependencies.authenticator)
