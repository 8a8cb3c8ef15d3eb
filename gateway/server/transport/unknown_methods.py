"""The handler for calls to unknown methods: counts them in the audit journal, and delays the responses.

gRPC would answer these calls itself, without a record. They are counted like calls of unauthenticated peers.
"""

from typing import Any, Final, NoReturn

import grpc

from gateway.audit.call_facts import CallSource
from gateway.server.rejections import Rejections
from gateway.server.rpc_context import ServicerContext, peer_address

_REFLECTION_V1: Final = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
"""Tools try this version of reflection first, and then v1alpha, which the server has. Such a call is no rejection."""


class UnknownMethods(grpc.GenericRpcHandler):
    """Handles every call that no other handler takes. It must be the last handler of the server."""

    def __init__(self, rejections: Rejections) -> None:
        self._rejections = rejections

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return the handler of a call; None leaves the call to gRPC."""
        if details.method == _REFLECTION_V1:
            return None
        return grpc.stream_unary_rpc_method_handler(self._reject)  # the messages of a stream are not received

    async def _reject(self, _messages: object, transport: ServicerContext) -> NoReturn:
        await self._rejections.count_unknown_method(CallSource(peer_address(transport.peer())))
        await transport.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        raise AssertionError("abort() always raises")
