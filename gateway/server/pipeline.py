"""The way every call takes through its stages to its handler, composed once for each method at start.

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
from gateway.contract import Method
from gateway.errors import GatewayError, InvalidRequest, UpstreamError, Violation
from gateway.server import status
from gateway.server.validation import validate
from gateway.upstream.call import Call
from keyway.v1 import error_reason_pb2 as reasons

_CALLERS_ID: Final = "x-request-id"
_MAXIMUM_ID_CHARACTERS: Final = 128

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
    """One RPC on its way through the pipeline. Decoding puts `request` in the place of `raw`.

    callers_id: the caller's own id of the call; empty where it sent none that can be used.
    """

    method: Method
    call: Call
    raw: bytes = field(repr=False)
    callers_id: str = ""
    request: Message | None = field(default=None, repr=False)


Handler = Callable[[Rpc], Awaitable[Message]]
Stage = Callable[[Handler], Handler]
Operation = Callable[[Message, Call], Awaitable[Message]]
Context = grpc.aio.ServicerContext[bytes, bytes]
RawHandler = Callable[[bytes, Context], Awaitable[bytes]]


async def contained(work: Awaitable[ResultT], call: Call) -> ResultT:
    """What `work` returns, or a GatewayError: any other failure is our own bug, told to the log alone."""
    try:
        return await work
    except UpstreamError as error:
        _tell_operators(error, call)
        _drop_frames(error)
        raise
    except GatewayError as error:
        _drop_frames(error)
        raise
    except Exception as error:
        _log.exception("internal error", request_id=call.request_id)
        _drop_frames(error)
        raise GatewayError(errors.INTERNAL_ERROR, "internal error") from error


def _drop_frames(error: BaseException | None) -> None:
    """Frames hold the request, and exceptions of libraries are parts of cycles: both would stay in memory together."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


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
    """Makes the call known: its log lines carry its method and its caller's id. It ends well or in a GatewayError.

    There are no spans yet; this is where they will begin.
    """

    async def handle(rpc: Rpc) -> Message:
        known = {"method": rpc.method.full_name}
        if rpc.callers_id:
            known["x_request_id"] = rpc.callers_id
        with structlog.contextvars.bound_contextvars(**known):
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
        rpc.request, rpc.raw = request, b""
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


def compose(method: Method, operation: Operation, default_deadline: float, front: Stage) -> RawHandler:
    """The gRPC handler of one method: the stages around `operation`, and the status and trailers around those.

    default_deadline: seconds for a call whose caller set no deadline. front: the stage before all others.
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

    async def outcome(rpc: Rpc) -> Message | GatewayError:
        try:
            return await handler(rpc)
        except GatewayError as error:
            # The frames of the traceback hold the request.
            return error.with_traceback(None)

    async def serve(raw: bytes, context: Context) -> bytes:
        remaining = context.time_remaining()
        seconds = default_deadline if remaining is None else remaining
        call = Call(str(uuid.uuid4()), time.monotonic() + seconds, method.repeatable)
        rpc = Rpc(method, call, raw, _callers_id(context))
        del raw
        ended = await outcome(rpc)
        # What abort() raises stays in memory until the garbage collector runs, and all that this frame holds with it.
        del rpc
        if isinstance(ended, GatewayError):
            failure = status.to_status(ended, repeatable=method.repeatable, request_id=call.request_id)
            del ended
            await context.abort(
                status.STATUS_CODES[failure.code],
                failure.message,
                status.trailers(call.request_id, failure),
            )
        context.set_trailing_metadata(status.trailers(call.request_id))
        return ended.SerializeToString()

    return serve


def _callers_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == _CALLERS_ID and isinstance(value, str):
            usable = len(value) <= _MAXIMUM_ID_CHARACTERS and value.isascii() and value.isprintable()
            return value if usable else ""
    return ""
