"""The interceptor that receives and decodes the request message.

It follows authentication: the gateway neither receives nor decodes messages of unauthenticated peers, and the audit
record of a message that cannot be decoded names the caller.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, cast

from google.protobuf.message import DecodeError, Message

from gateway.contract.methods import BATCHES, METHODS, Method
from gateway.errors import InvalidRequest, Violation
from gateway.server import batch_limits
from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rpc_context import RpcContext

_ITEM_FIELDS: Final[Mapping[str, int]] = {
    method.operation: next(field.number for field in method.request.DESCRIPTOR.fields if field.is_repeated)
    for method in METHODS
    if method.operation in BATCHES
}
"""The field numbers of the items in the batch requests."""


class _Decoding:
    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        call.request = _decoded(await _received(call), call.method)
        if call.request is None:
            name = call.method.request.DESCRIPTOR.full_name
            raise InvalidRequest([Violation("", f"the message cannot be decoded as {name}")])
        return await call_next(call)


async def _received(call: RpcContext) -> bytes:
    """Return the message of a call. Raises InvalidRequest if it does not arrive.

    A timer of the event loop limits the time, because `asyncio.timeout` takes 3 µs longer for each call.
    """
    task = cast("asyncio.Task[object]", asyncio.current_task())
    is_late = False

    def interrupt() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(call.remaining(), interrupt)
    try:
        received = await call.transport.read()
    except asyncio.CancelledError:
        if not is_late or task.uncancel() > 0:  # gRPC or the drain also canceled the call
            raise
        raise InvalidRequest([Violation("", "the message did not arrive before the deadline")]) from None
    finally:
        timer.cancel()
    if not isinstance(received, bytes):  # gRPC itself has already answered if the message is too large
        raise InvalidRequest([Violation("", "the call has no message, or its message exceeds maximum_message_bytes")])
    return received


def _decoded(received: bytes, method: Method) -> Message | None:
    """Return the decoded message; None if it cannot be decoded.

    The error of the parser ends here. It can contain request data, and the frames of its traceback hold the message,
    but the response of the call can be delayed.
    """
    request: Message = method.request()
    item_field = _ITEM_FIELDS.get(method.operation)
    try:
        request.ParseFromString(received if item_field is None else batch_limits.cut(received, item_field))
    except DecodeError:
        return None
    return request


def decoding(_dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _Decoding()
