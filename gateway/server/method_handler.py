"""The gRPC handler of one method: creates the call's context, runs the interceptors, and returns status and trailers.

Handlers receive and return bytes, so that the gateway itself answers and records requests that cannot be decoded.
A handler starts before gRPC has received the message: the decoding interceptor requests it after authentication.
"""

import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

import grpc
from google.protobuf.message import Message

from gateway import log_fields
from gateway.audit.call_facts import Moment
from gateway.call_context import CallContext
from gateway.contract.methods import CACHEABLE, Method
from gateway.errors import GatewayError
from gateway.redaction import DEFAULT_REDACTION, Redaction
from gateway.server import status
from gateway.server.error_boundary import internal_error, within_boundary
from gateway.server.interceptors.chain import chain
from gateway.server.interceptors.interceptor import CallNext, Interceptor
from gateway.server.rpc_context import RpcContext, ServicerContext
from gateway.telemetry.context import Metadata

Operation = Callable[[Message, CallContext], Awaitable[Message]]
"""The implementation of a method: takes the validated request, and returns the response or raises GatewayError."""

RawHandler = Callable[[object, ServicerContext], Awaitable[bytes]]
"""Takes gRPC's iterator of request messages, which is not used, and the transport, from which the message is read."""

_CACHE_CONTROL: Final = "cache-control"
_NO_CACHE: Final = "no-cache"

_UUID_VERSION_4: Final = 4 << 76 | 0b10 << 62
"""The version and the variant of a UUID of version 4 (RFC 9562)."""
_UUID_RANDOM_BITS: Final = (1 << 128) - 1 - (0xF << 76) - (0b11 << 62)


def method_handler(
    method: Method,
    operation: Operation,
    default_deadline: float,
    interceptors: Sequence[Interceptor],
    redaction: Redaction = DEFAULT_REDACTION,
) -> RawHandler:
    """Return the gRPC handler that runs `operation` inside the interceptors.

    default_deadline: in seconds, for calls without a deadline. redaction: how calls record upstream text.
    """
    handler = chain(interceptors, innermost(method, operation))
    cacheable = method.operation in CACHEABLE

    async def handle(_messages: object, transport: ServicerContext) -> bytes:
        call = new_context(method, transport, default_deadline, redaction)
        log_fields.CURRENT.set(call)
        if cacheable:
            call.fresh = _wants_fresh(call.metadata)
        try:
            response = await handler(call)
        except GatewayError as error:
            # The frames of the traceback hold the request.
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - a bug in an interceptor; cancellation is not an Exception
            failure = internal_error(error, call)
        else:
            call.request = None
            trailers = status.trailers(call.request_id, receipt=call.receipt, stale_seconds=call.stale_seconds)
            if call.is_rest:
                await _send_early(transport, trailers)
            transport.set_trailing_metadata(trailers)
            return response.SerializeToString()
        aborting = abort(failure, call)
        del failure, call
        await aborting
        raise AssertionError("abort() always raises")

    return handle


async def _send_early(transport: ServicerContext, trailers: status.Trailers) -> None:
    """Send the trailers as initial metadata too. It costs a write, so only callers that need it get it."""
    with contextlib.suppress(grpc.aio.BaseError):  # the connection is closed
        await transport.send_initial_metadata(trailers)


async def abort(failure: GatewayError, call: RpcContext) -> NoReturn:
    """End a call with an error."""
    # The exception that abort() raises stays in memory until the garbage collector runs, together with everything that
    # this frame holds. Timers also keep the context of the call.
    call.request = None
    transport = call.transport
    sent = status.to_status(failure, idempotent=call.method.idempotent, request_id=call.request_id)
    trailers = status.trailers(call.request_id, sent, call.receipt)
    del failure, call
    await transport.abort(status.STATUS_CODES[sent.code], sent.message, trailers)
    raise AssertionError("abort() always raises")


def new_context(
    method: Method, transport: ServicerContext, default_deadline: float, redaction: Redaction
) -> RpcContext:
    """Return the context of a call that has arrived. default_deadline: in seconds."""
    remaining = transport.time_remaining()
    seconds = default_deadline if remaining is None else remaining
    return RpcContext(
        new_request_id(),
        time.monotonic() + seconds,
        method.idempotent,
        redaction=redaction,
        method=method,
        transport=transport,
        received_at=Moment.now(),
    )


def new_request_id() -> str:
    """Return a UUID of version 4. It identifies the call and protects nothing, so it need not be unpredictable.

    `uuid.uuid4` reads the system's random source, which releases the interpreter lock: under load, another thread takes
    it on every call. `uuid.UUID` takes three times as long as formatting the number.
    """
    text = f"{random.getrandbits(128) & _UUID_RANDOM_BITS | _UUID_VERSION_4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def innermost(method: Method, operation: Operation) -> CallNext:
    """Return the end of the chain: the operation inside the error boundary, with a check of the response type."""
    response_type = method.response

    async def run(call: RpcContext) -> Message:
        assert call.request is not None
        response = await within_boundary(operation(call.request, call), call)
        if not isinstance(response, response_type):
            raise TypeError(f"{method.full_name} returned a {type(response).__name__}")
        return response

    return run


def _wants_fresh(metadata: Metadata) -> bool:
    """Return whether the caller refuses cached responses, with the same metadata as in HTTP."""
    return any(key == _CACHE_CONTROL and _NO_CACHE in str(value) for key, value in metadata)
