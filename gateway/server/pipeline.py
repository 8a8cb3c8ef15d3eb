"""The way every call takes through its stages to its handler, composed once for each method at start.

Works on raw bytes, so that a request which does not decode is ours to answer like any other bad request. A stage is a
function that wraps the next handler; the order stands in `ORDER` alone.
"""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from google.protobuf.message import DecodeError, Message

from gateway import log_fields
from gateway.call_context import CallContext
from gateway.contract.methods import BATCHES, CACHEABLE, METHODS, Method
from gateway.errors import GatewayError, InvalidRequest, Violation
from gateway.server import status
from gateway.server.interceptors.validation import validate
from gateway.server.rpc import Context, Handler, Operation, Rpc, Stage, contained, internal_error
from gateway.server.services import batches

RawHandler = Callable[[bytes, Context], Awaitable[bytes]]

_CACHE_CONTROL: Final = "cache-control"
_NO_CACHE: Final = "no-cache"

ORDER: Final = ("trace", "audit", "gate", "decode", "authenticate", "authorize", "limit", "validate", "intend")
"""The stages by name, outermost first. Which of them there are, the assembly says."""


_ITEMS: Final[Mapping[str, int]] = {
    method.operation: next(field.number for field in method.request.DESCRIPTOR.fields if field.is_repeated)
    for method in METHODS
    if method.operation in BATCHES
}
"""The numbers of the batches' items."""


def decode(following: Handler) -> Handler:
    """Bytes to the request message."""

    async def handle(rpc: Rpc) -> Message:
        request = rpc.method.request()
        items = _ITEMS.get(rpc.method.operation)
        try:
            request.ParseFromString(rpc.raw if items is None else batches.cut(rpc.raw, items))
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


def compose(method: Method, operation: Operation, default_deadline: float, stages: Mapping[str, Stage]) -> RawHandler:
    """The gRPC handler of one method: the stages around `operation`, and the status and trailers around those.

    default_deadline: seconds for a call whose caller set no deadline. stages: by their names in `ORDER`.
    """

    response_type, cacheable = method.response, method.operation in CACHEABLE

    async def operate(rpc: Rpc) -> Message:
        assert rpc.request is not None
        response = await contained(operation(rpc.request, rpc.call), rpc.call)
        if not isinstance(response, response_type):
            raise TypeError(f"{method.full_name} answers a {type(response).__name__}")
        return response

    if unknown := stages.keys() - set(ORDER):
        raise ValueError(f"no such stages: {', '.join(sorted(unknown))}")
    handler: Handler = operate
    for name in reversed(ORDER):
        if name in stages:
            handler = stages[name](handler)

    async def serve(raw: bytes, context: Context) -> bytes:
        remaining = context.time_remaining()
        seconds = default_deadline if remaining is None else remaining
        request_id = _request_id()
        rpc = Rpc(
            method, CallContext(request_id, time.monotonic() + seconds, method.idempotent), context, raw, time.time()
        )
        log_fields.CURRENT.set(rpc)
        if cacheable:
            rpc.call.fresh = _wants_fresh(rpc)
        del raw
        try:
            response = await handler(rpc)
        except GatewayError as error:
            # The frames of the traceback hold the request.
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - a bug in a stage; cancellation is no Exception
            failure = internal_error(error, rpc.call)
        else:
            rpc.request = None
            stale_seconds = rpc.call.stale_seconds
            context.set_trailing_metadata(status.trailers(request_id, receipt=rpc.receipt, stale_seconds=stale_seconds))
            return response.SerializeToString()
        # What abort() raises stays in memory until the garbage collector runs, with all that this frame holds; and the
        # call stays in the context of every timer that was set in it.
        rpc.raw, rpc.request = b"", None
        told = status.to_status(failure, repeatable=method.idempotent, request_id=request_id)
        trailers = status.trailers(request_id, told, rpc.receipt)
        del failure, rpc
        await context.abort(status.STATUS_CODES[told.code], told.message, trailers)
        raise AssertionError("abort() always raises")

    return serve


def _wants_fresh(rpc: Rpc) -> bool:
    """Whether the caller asks for no answer from before, as in HTTP."""
    return any(key == _CACHE_CONTROL and _NO_CACHE in str(value) for key, value in rpc.metadata)


def _request_id() -> str:
    """A UUID of version 4. It tells calls apart and protects nothing, so that it need not be unpredictable."""
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"
