"""The outer audit interceptor: records the result of every call, including calls that other interceptors reject.

Calls that end before authentication are counted per peer, not recorded one by one (see `rejections.py`).
"""

import asyncio

from google.protobuf.message import Message

from gateway.audit.call_facts import Moment
from gateway.errors import GatewayError
from gateway.server.audit_recorder import AuditRecorder
from gateway.server.error_boundary import internal_error
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext


class _AuditRejections:
    def __init__(self, recorder: AuditRecorder) -> None:
        self._recorder = recorder

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        try:
            response = await call_next(call)
        except asyncio.CancelledError:
            self._recorder.record_cancellation(call)
            raise
        except GatewayError as error:
            await self._recorder.record_failure(call, error)
            raise
        except Exception as error:
            failure = internal_error(error, call)
            await self._recorder.record_failure(call, failure)
            raise failure from error
        await self._recorder.record_success(call, response, Moment.now())
        return response


def audit_rejections(dependencies: InterceptorDependencies) -> Interceptor | None:
    """Create the interceptor; None without an audit journal."""
    return _AuditRejections(dependencies.audit_recorder) if dependencies.audit_recorder is not None else None
