"""The outermost interceptor: begins the trace of a call, and reports its result to the span and to the metrics."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final

from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway.contract.methods import BATCHES
from gateway.contract.resource_names import PROVIDER
from gateway.errors import GatewayError, UpstreamError, reason_name
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext
from gateway.telemetry.calls import propagated
from gateway.telemetry.setup import Telemetry

_PROVIDERS: Final = PROVIDER.format(provider="")


class _TracePropagation:
    """Without telemetry: only passes the caller's trace context on to upstreams."""

    def intercept(self, call_next: CallNext, call: RpcContext) -> Awaitable[Message]:
        call.trace = propagated(call.metadata)
        return call_next(call)


class _Tracing:
    def __init__(self, telemetry: Telemetry, providers: frozenset[str]) -> None:
        self._telemetry = telemetry
        self._providers = providers
        self._metrics = telemetry.metrics

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        call.trace = self._telemetry.begin(call.method.full_name, call.metadata)
        metrics = self._metrics
        began = time.perf_counter()
        if metrics is not None:
            metrics.call_began()
        code: int = code_pb2.INTERNAL
        error: GatewayError | None = None
        try:
            response = await call_next(call)
            code = code_pb2.OK
            if metrics is not None:
                metrics.answered(response)
            return response
        except GatewayError as failure:
            code, error = failure.kind.code, failure.with_traceback(None)
            raise
        except asyncio.CancelledError:
            code = call.cancellation_code
            raise
        finally:
            seconds = time.perf_counter() - began
            reason = reason_name(error.kind.reason) if error is not None else ""
            if metrics is not None:
                provider = _provider_of(call)
                metrics.call_ended(
                    call.method.full_name,
                    code,
                    seconds,
                    provider=provider if provider in self._providers else "",
                    reason=reason,
                    attempts=len(call.attempts),
                )
            _end_span(call, code, reason, error)
            error = None


def _provider_of(call: RpcContext) -> str:
    """Return the provider that the request names, which need not exist. A batch has the provider of its first item."""
    request: Any = call.request
    if request is None:
        return ""
    name: str = ""
    if call.method.name_field is not None:
        name = getattr(request, call.method.name_field)
    elif call.method.operation in BATCHES and request.requests:
        name = request.requests[0].name
    return name[len(_PROVIDERS) :].partition("/")[0] if name.startswith(_PROVIDERS) else ""


def _end_span(call: RpcContext, code: int, reason: str, error: GatewayError | None) -> None:
    if call.trace is None or not call.trace.recorded:
        return
    upstream = error if isinstance(error, UpstreamError) else None
    call.trace.end(
        code,
        reason,
        request_id=call.request_id,
        provider=call.attempts[0].provider if call.attempts else "",
        resources=[name for _, name in call.resources],
        attempts=len(call.attempts),
        upstream_code=upstream.upstream_code if upstream is not None else None,
        upstream_message=upstream.upstream_message if upstream is not None else None,
    )


def tracing(dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return (
        _Tracing(dependencies.telemetry, dependencies.providers)
        if dependencies.telemetry is not None
        else _TracePropagation()
    )
