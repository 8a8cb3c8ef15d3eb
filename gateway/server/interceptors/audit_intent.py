"""The inner audit interceptor: records the intent of a call before the gateway contacts an upstream.

The intent of a state-changing call is durable before the call continues.
"""

from google.protobuf.message import Message

from gateway.server.audit_recorder import AuditRecorder
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext


class _AuditIntent:
    def __init__(self, recorder: AuditRecorder) -> None:
        self._recorder = recorder

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        self._recorder.record_intent(call)
        if call.method.state_changing:
            await self._recorder.sync(call)
        return await call_next(call)


def audit_intent(dependencies: InterceptorDependencies) -> Interceptor | None:
    """Create the interceptor; None without an audit journal."""
    return _AuditIntent(dependencies.audit_recorder) if dependencies.audit_recorder is not None else None
