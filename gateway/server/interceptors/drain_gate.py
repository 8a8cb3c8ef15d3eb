"""The interceptor that rejects calls while the server drains, and tracks the calls in progress."""

import asyncio

from google.protobuf.message import Message

from gateway import errors
from gateway.errors import GatewayError
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext
from gateway.server.transport.draining import DrainGate


class _DrainGate:
    def __init__(self, gate: DrainGate) -> None:
        self._gate = gate

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        # gRPC runs each call in its own task, which ends when the response has been sent.
        task = asyncio.current_task()
        assert task is not None
        if not self._gate.enter(task):
            raise GatewayError(errors.SERVER_DRAINING, "the gateway is shutting down and accepts no new calls")
        try:
            return await call_next(call)
        except asyncio.CancelledError:
            if not self._gate.interrupted(task):
                raise
            task.uncancel()
            raise GatewayError(errors.CUT_OFF, "the gateway shut down before the call finished") from None


def drain_gate(dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _DrainGate(dependencies.drain_gate)
