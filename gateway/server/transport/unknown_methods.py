"""Calls of methods that there are not: gRPC would answer them, and nobody would know that somebody tries.

They are put on record and held back as those of strangers are, whoever sends them.
"""

from typing import Any, Final, NoReturn

import grpc

from gateway.audit.events import Peer
from gateway.server.rejections import Refusals
from gateway.server.rpc import Context, peer_address

_ASKED_BY_TOOLS: Final = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
"""Before they ask for the reflection that there is."""


class UnknownMethods(grpc.GenericRpcHandler):
    """Takes what no other handler took, for which it must be the last one."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """The same for every method but one, which is left to gRPC."""
        if details.method == _ASKED_BY_TOOLS:
            return None
        return grpc.unary_unary_rpc_method_handler(self._refuse)

    async def _refuse(self, _raw: bytes, context: Context) -> NoReturn:
        del _raw
        await self._refusals.count_unknown(Peer(peer_address(context.peer())))
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        raise AssertionError("abort() always raises")
