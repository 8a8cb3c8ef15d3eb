"""The outermost stage: makes a call known to traces and metrics, from its beginning to its end."""

import asyncio
import time

from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway.errors import GatewayError, UpstreamError
from gateway.server.rpc import Handler, Rpc, Stage
from gateway.server.status import reason_name
from gateway.telemetry.calls import passed_on
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.setup import Telemetry


def trace(telemetry: Telemetry | None) -> Stage:
    """The stage. Without telemetry a caller's trace context is handed on, and nothing else is done."""
    metrics = telemetry.metrics if telemetry is not None else None

    def begin(rpc: Rpc) -> None:
        if telemetry is not None:
            rpc.call.trace = telemetry.begin(rpc.method.full_name, rpc.metadata)
            rpc.call.metrics = metrics
        else:
            rpc.call.trace = passed_on(rpc.metadata)

    def stage(following: Handler) -> Handler:
        observed = _observed(following, metrics) if telemetry is not None else following

        async def handle(rpc: Rpc) -> Message:
            begin(rpc)
            return await observed(rpc)

        return handle

    return stage


def _observed(following: Handler, metrics: Metrics | None) -> Handler:
    """`following`, with its end told to the call's span and to the metrics."""

    async def handle(rpc: Rpc) -> Message:
        began = time.perf_counter()
        if metrics is not None:
            metrics.call_began()
        code: int = code_pb2.INTERNAL
        error: GatewayError | None = None
        try:
            response = await following(rpc)
            code = code_pb2.OK
            if metrics is not None:
                metrics.answered(response)
            return response
        except GatewayError as failure:
            code, error = failure.outcome.code, failure.with_traceback(None)
            raise
        except asyncio.CancelledError:
            code = rpc.given_up_code
            raise
        finally:
            seconds = time.perf_counter() - began
            reason = reason_name(error.outcome.reason) if error is not None else ""
            if metrics is not None:
                attempts = len(rpc.call.attempts)
                metrics.call_ended(rpc.method.full_name, code, seconds, reason=reason, attempts=attempts)
            _end_span(rpc, code, reason, error)
            error = None

    return handle


def _end_span(rpc: Rpc, code: int, reason: str, error: GatewayError | None) -> None:
    if rpc.call.trace is None or not rpc.call.trace.recorded:
        return
    upstream = error if isinstance(error, UpstreamError) else None
    rpc.call.trace.end(
        code,
        reason,
        request_id=rpc.call.request_id,
        provider=rpc.call.attempts[0].provider if rpc.call.attempts else "",
        resources=[name for _, name in rpc.resources],
        attempts=len(rpc.call.attempts),
        upstream_code=upstream.upstream_code if upstream is not None else None,
        upstream_message=upstream.upstream_message if upstream is not None else None,
    )
