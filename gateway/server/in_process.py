"""Calls from parts of the gateway itself, in its own process.

These calls pass the same authorization, limits, validation, and audit as calls over the network. The part that makes a
call passes its caller: itself, or a caller that it has authenticated.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from google.protobuf.message import Message

from gateway import log_fields
from gateway.audit.call_facts import Moment
from gateway.contract.methods import Method
from gateway.errors import GatewayError
from gateway.identity.caller import Caller
from gateway.server.error_boundary import internal_error
from gateway.server.interceptors.chain import IN_PROCESS, chain, create_interceptors
from gateway.server.interceptors.interceptor import CallNext, InterceptorDependencies
from gateway.server.method_handler import Operation, innermost, new_request_id
from gateway.server.rpc_context import RpcContext, ServicerContext
from gateway.telemetry.context import Metadata


class CallOrigin(NamedTuple):
    """Where a call comes from. peer: in gRPC's notation. metadata: what the peer states about itself.

    surface: the surface that makes the call for the peer; empty for other parts of the gateway.
    """

    peer: str = "inproc:in-process"
    metadata: Metadata = ()
    surface: str = ""


OWN: Final = CallOrigin()
"""The origin of a call that the gateway makes for itself."""


class InProcessTransport:
    """The part of the gRPC call context that an in-process call provides."""

    def __init__(self, origin: CallOrigin = OWN) -> None:
        self._origin = origin

    def peer(self) -> str:
        """Return the peer in gRPC's notation."""
        return self._origin.peer

    def invocation_metadata(self) -> Metadata:
        """Return the metadata."""
        return self._origin.metadata


class InProcessCalls:
    """Makes calls. operations: the implementation of each method that can be called, by its operation."""

    def __init__(self, operations: Mapping[str, Operation], dependencies: InterceptorDependencies) -> None:
        self._operations = operations
        self._interceptors = create_interceptors(dependencies, IN_PROCESS)
        self._redaction = dependencies.redaction
        self._handlers: dict[str, CallNext] = {}

    async def call(
        self,
        method: Method,
        request: Message,
        caller: Caller,
        seconds: float,
        *,
        background: bool = False,
        origin: CallOrigin = OWN,
    ) -> Any:
        """Return the response of a call. Raises GatewayError.

        seconds: until the deadline. background: see `CallContext`. origin: of a call for another program.
        """
        return await self.run(self.context(method, request, caller, seconds, background=background, origin=origin))

    def context(
        self,
        method: Method,
        request: Message,
        caller: Caller,
        seconds: float,
        *,
        background: bool = False,
        origin: CallOrigin = OWN,
    ) -> RpcContext:
        """Return the context of a new call, for `run`. After the call, it has its request ID and its receipt."""
        transport = cast("ServicerContext", InProcessTransport(origin))
        return RpcContext(
            new_request_id(),
            time.monotonic() + seconds,
            method.idempotent,
            redaction=self._redaction,
            background=background,
            method=method,
            transport=transport,
            received_at=Moment.now(),
            surface=origin.surface,
            request=request,
            caller=caller,
        )

    async def run(self, context: RpcContext) -> Any:
        """Return the response of a call. Raises GatewayError."""
        # In a task of its own, as over the network: the drain of the server waits for the tasks of calls.
        return await asyncio.create_task(self._run(context))

    async def _run(self, call: RpcContext) -> Message:
        log_fields.CURRENT.set(call)
        try:
            return await self._handler(call.method)(call)
        except GatewayError as error:
            raise error.with_traceback(None)  # noqa: B904 - the same exception
        except Exception as error:  # noqa: BLE001 - a bug in an interceptor; cancellation is not an Exception
            raise internal_error(error, call) from None

    def _handler(self, method: Method) -> CallNext:
        handler = self._handlers.get(method.operation)
        if handler is None:
            operation = self._operations[method.operation]
            handler = self._handlers[method.operation] = chain(self._interceptors, innermost(method, operation))
        return handler
