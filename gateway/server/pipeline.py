"""The way every call takes through its stages to its handler, composed once for each method at start.

Works on raw bytes, so that a request which does not decode is ours to answer like any other bad request. A stage is a
function that wraps the next handler; the order stands in `ORDER` alone.
"""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from google.protobuf.message import DecodeError, Message

from gateway.audit.events import Peer
from gateway.contract import Method
from gateway.errors import GatewayError, InvalidRequest, Violation
from gateway.server import status
from gateway.server.rpc import Context, Handler, Operation, Rpc, Stage, contained, internal_error
from gateway.server.validation import validate
from gateway.telemetry.context import Metadata
from gateway.upstream.call import Call

_CALLERS_ID: Final = "x-request-id"
_CALLERS_SERVICE: Final = "x-service-name"
_USER_AGENT: Final = "user-agent"
_MAXIMUM_TEXT_CHARACTERS: Final = 128

RawHandler = Callable[[bytes, Context], Awaitable[bytes]]

ORDER: Final = ("trace", "audit", "gate", "decode", "authenticate", "authorize", "limit", "validate", "intend")
"""The stages by name, outermost first. Which of them there are, the assembly says."""


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


def compose(method: Method, operation: Operation, default_deadline: float, stages: Mapping[str, Stage]) -> RawHandler:
    """The gRPC handler of one method: the stages around `operation`, and the status and trailers around those.

    default_deadline: seconds for a call whose caller set no deadline. stages: by their names in `ORDER`.
    """

    async def call_operation(rpc: Rpc) -> Message:
        assert rpc.request is not None
        response = await operation(rpc.request, rpc.call)
        if not isinstance(response, method.response):
            raise TypeError(f"{method.full_name} answers a {type(response).__name__}")
        return response

    async def operate(rpc: Rpc) -> Message:
        return await contained(call_operation(rpc), rpc.call)

    if unknown := stages.keys() - set(ORDER):
        raise ValueError(f"no such stages: {', '.join(sorted(unknown))}")
    handler: Handler = operate
    for name in reversed(ORDER):
        if name in stages:
            handler = stages[name](handler)

    async def outcome(rpc: Rpc) -> Message | GatewayError:
        try:
            return await handler(rpc)
        except GatewayError as error:
            # The frames of the traceback hold the request.
            return error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - a bug in a stage; cancellation is no Exception
            return internal_error(error, rpc.call)

    async def serve(raw: bytes, context: Context) -> bytes:
        remaining = context.time_remaining()
        seconds = default_deadline if remaining is None else remaining
        call = Call(_request_id(), time.monotonic() + seconds, method.repeatable)
        metadata = context.invocation_metadata() or ()
        told = _told(metadata)
        rpc = Rpc(
            method,
            call,
            context,
            raw,
            time.time(),
            Peer(_address(context.peer()), told.get(_USER_AGENT, ""), told.get(_CALLERS_SERVICE, "")),
            metadata,
            told.get(_CALLERS_ID, ""),
        )
        del raw
        ended = await outcome(rpc)
        receipt = rpc.receipt
        # What abort() raises stays in memory until the garbage collector runs, and all that this frame holds with it.
        del rpc
        if isinstance(ended, GatewayError):
            failure = status.to_status(ended, repeatable=method.repeatable, request_id=call.request_id)
            del ended
            await context.abort(
                status.STATUS_CODES[failure.code],
                failure.message,
                status.trailers(call.request_id, failure, receipt),
            )
        context.set_trailing_metadata(status.trailers(call.request_id, receipt=receipt))
        return ended.SerializeToString()

    return serve


def _request_id() -> str:
    """A UUID of version 4. It tells calls apart and protects nothing, so that it need not be unpredictable."""
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def _told(metadata: Metadata) -> Mapping[str, str]:
    """What the caller's metadata says of it, where it can be put on record. Of several values the first counts."""
    told: dict[str, str] = {}
    for key, value in metadata:
        if key in _TOLD and key not in told:
            told[key] = value if isinstance(value, str) and _usable(value) else ""
    return told


def _usable(text: str) -> bool:
    return len(text) <= _MAXIMUM_TEXT_CHARACTERS and text.isascii() and text.isprintable()


_TOLD: Final = frozenset({_CALLERS_ID, _CALLERS_SERVICE, _USER_AGENT})


def _address(peer: str) -> str:
    """`ipv4:10.0.0.1:4242` → `10.0.0.1:4242`; `ipv6:%5B::1%5D:4242` → `[::1]:4242`."""
    return peer.partition(":")[2].replace("%5B", "[").replace("%5D", "]")
