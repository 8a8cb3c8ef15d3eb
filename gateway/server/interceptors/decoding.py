"""The interceptor that decodes the request message.

It follows authentication: unauthenticated peers cannot make the gateway decode messages, and the audit record of a
message that cannot be decoded names the caller.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError, Message

from gateway.contract.methods import BATCHES, METHODS
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
        request = call.method.request()
        item_field = _ITEM_FIELDS.get(call.method.operation)
        try:
            request.ParseFromString(call.raw if item_field is None else batch_limits.cut(call.raw, item_field))
        except DecodeError:
            # The parser's message can contain request data.
            description = f"the message cannot be decoded as {request.DESCRIPTOR.full_name}"
            raise InvalidRequest([Violation("", description)]) from None
        call.request, call.raw = request, b""
        return await call_next(call)


def decoding(_dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _Decoding()
