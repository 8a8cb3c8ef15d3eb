"""The way every call takes: gate ▸ trace ▸ decode ▸ validate ▸ handler, composed once for each method at start.

Works on raw bytes, so that a request which does not decode is ours to answer like any other bad request. A stage is a
function that wraps the next handler; the order stands in `STAGES` alone.
"""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2

from gateway import errors
from gateway.errors import GatewayError, InvalidRequest, UpstreamError, Violation
from gateway.server import status
from gateway.server.contract import Method
from gateway.server.validation import validate
from gateway.upstream.call import Call
from keyway.v1 import error_reason_pb2 as reasons

_OPERATORS_CODES: Final = frozenset(
    {
        code_pb2.UNAVAILABLE,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.INTERNAL,
        code_pb2.UNKNOWN,
    }
)
_OPERATORS_REASONS: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED,
        reasons.ERROR_REASON_PROVIDER_TLS_FAILED,
        reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND,
    }
)

ResultT = TypeVar("ResultT")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Rpc:
    """One RPC on its way through the pipeline. `request` is there after decoding."""

    method: Method
    call: Call
    raw: bytes = field(repr=False)
    request: Message | None = field(default=None, repr=False)


Handler = Callable[[Rpc], Awaitable[Message]]
Stage = Callable[[Handler], Handler]
Operation = Callable[[Message, Call], Awaitable[Message]]
Context = grpc.aio.ServicerContext[bytes, bytes]
RawHandler = Callable[[bytes, Context], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """default_deadline: seconds for a call whose caller set no deadline."""

    default_deadline: float


async def contained(work: Awaitable[ResultT], call: Call) -> ResultT:
    """What `work` returns, or a GatewayError: any other failure is our own bug, told to the log alone."""
    try:
        return await work
    except UpstreamError as error:
        _tell_operators(error, call)
        raise
    except GatewayError:
        raise
    except Exception as error:
        _log.exception("internal error", request_id=call.request_id)
        raise GatewayError(errors.INTERNAL_ERROR, "internal error") from error


def _tell_operators(error: UpstreamError, call: Call) -> None:
    """A line for what callers can't mend: a provider that is down, slow, broken, or refuses the gateway itself."""
    outcome = error.outcome
    if outcome.code in _OPERATORS_CODES or outcome.reason in _OPERATORS_REASONS:
        _log.warning(
            "provider failed",
            provider=error.provider,
            reason=status.reason_name(outcome.reason),
            upstream_code=error.upstream_code,
            http_status=error.http_status,
            request_id=call.request_id,
        )


def trace(following: Handler) -> Handler:
    """Ends every call in a response or a GatewayError."""

    async def handle(rpc: Rpc) -> Message:
        with structlog.contextvars.bound_contextvars(method=rpc.method.full_name):
            return await contained(following(rpc), rpc.call)

    return handle


def decode(following: Handler) -> Handler:
    """Bytes to the request message."""

    async def handle(rpc: Rpc) -> Message:
        request = rpc.method.request()
        try:
            request.ParseFromString(rpc.raw)
        except DecodeError:
            # The parser's own words can quote the data.
            raise InvalidRequest([Violation("", f"the message is not a {request.DESCRIPTOR.full_name}")]) from None
        rpc.request = request
        return await following(rpc)

    return handle


def check(following: Handler) -> Handler:
    """Refuses requests that break the contract."""

    async def handle(rpc: Rpc) -> Message:
        assert rpc.request is not None
        validate(rpc.request)
        return await following(rpc)

    return handle


STAGES: Final[tuple[Stage, ...]] = (trace, decode, check)
"""Outermost first."""


def compose(method: Method, operation: Operation, limits: Limits, front: Stage) -> RawHandler:
    """The gRPC handler of one method: the stages around `operation`, and the status and trailers around those.

    front: the stage before all others.
    """

    async def call_operation(rpc: Rpc) -> Message:
        assert rpc.request is not None
        response = await operation(rpc.request, rpc.call)
        if not isinstance(response, method.response):
            raise TypeError(f"{method.full_name} answers a {type(response).__name__}")
        return response

    handler: Handler = call_operation
    for stage in reversed((front, *STAGES)):
        handler = stage(handler)

    async def serve(raw: bytes, context: Context) -> bytes:
        remaining = context.time_remaining()
        seconds = limits.default_deadline if remaining is None else remaining
        call = Call(str(uuid.uuid4()), time.monotonic() + seconds, method.repeatable)
        try:
            response = await handler(Rpc(method, call, raw))
        except GatewayError as error:
            failure = status.to_status(error, repeatable=method.repeatable, request_id=call.request_id)
            await context.abort(
                status.STATUS_CODES[failure.code],
                failure.message,
                status.trailers(call.request_id, failure),
            )
        context.set_trailing_metadata(status.trailers(call.request_id))
        return response.SerializeToString()

    return serve
