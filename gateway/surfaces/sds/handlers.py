"""The gRPC handlers of the Secret Discovery Service: authenticate the node, and run its stream until it must end."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, NoReturn

import grpc
from google.rpc import code_pb2

from gateway.audit.call_facts import CallSource
from gateway.contract.methods import OPEN_SECRET_STREAM
from gateway.errors import GatewayError, reason_name
from gateway.identity.caller import Caller
from gateway.server import status
from gateway.server.authenticators import Authenticator
from gateway.server.rejections import Rejection, Rejections
from gateway.server.rpc_context import ServicerContext, peer_address
from gateway.server.transport import stalled_peers
from gateway.surfaces import unix_socket
from gateway.surfaces.sds.dialects import Delta, Dialect, StateOfTheWorld
from gateway.surfaces.sds.envoy_messages import SERVICE
from gateway.surfaces.sds.fetching import fetch
from gateway.surfaces.sds.node import Node, recordable
from gateway.surfaces.sds.stream import WRITE_SECONDS, SecretStream, StreamTools
from gateway.surfaces.sds.stream_error import StreamError
from gateway.surfaces.sds.stream_slots import StreamSlots

_FIRST_MESSAGE_SECONDS: Final = 10.0
_AGE_JITTER: Final = 0.1
"""Streams end at their maximum age less a random share of it, so that nodes do not all reconnect at once."""


class SecretHandlers(grpc.GenericRpcHandler):
    """Serves the methods of the service. maximum_age: of a stream, in seconds. rejections: None without a journal.

    unix_caller: every program that connects to the Unix socket.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        tools: StreamTools,
        slots: StreamSlots,
        rejections: Rejections | None,
        maximum_age: float,
        *,
        unix_caller: Caller | None = None,
    ) -> None:
        self._unix_caller = unix_caller
        self._authenticator = authenticator
        self._tools = tools
        self._slots = slots
        self._rejections = rejections
        self._maximum_age = maximum_age
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"/{SERVICE}/DeltaSecrets": grpc.stream_stream_rpc_method_handler(self._delta),
            f"/{SERVICE}/StreamSecrets": grpc.stream_stream_rpc_method_handler(self._state_of_the_world),
            f"/{SERVICE}/FetchSecrets": grpc.stream_stream_rpc_method_handler(self._fetch),
        }

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return the handler of a call; None for other methods."""
        return self._handlers.get(details.method)

    async def _delta(self, _messages: object, transport: ServicerContext) -> None:
        await self._answer(transport, Delta())

    async def _state_of_the_world(self, _messages: object, transport: ServicerContext) -> None:
        await self._answer(transport, StateOfTheWorld())

    async def _fetch(self, _messages: object, transport: ServicerContext) -> None:
        """Send the secrets once. The stream of the caller lasts until it has taken them."""
        try:
            async with self._admitted(transport) as caller:
                async with asyncio.timeout(_FIRST_MESSAGE_SECONDS):
                    received: Any = await transport.read()
                    response = await fetch(
                        received, self._tools, lambda message: self._node(transport, caller, message, "FetchSecrets")
                    )
                await stalled_peers.write(transport, response, WRITE_SECONDS)
        except StreamError as error:
            await _abort(transport, error)
        except TimeoutError:
            await _abort(transport, StreamError(grpc.StatusCode.DEADLINE_EXCEEDED, "the call took too long"))

    async def _answer(self, transport: ServicerContext, dialect: Dialect) -> None:
        try:
            async with self._admitted(transport) as caller:
                stream = SecretStream(
                    dialect,
                    transport,
                    self._tools,
                    lambda message: self._node(transport, caller, message, dialect.method),
                )
                try:
                    await self._run(stream, caller)
                finally:
                    stream.close()
        except StreamError as error:
            await _abort(transport, error)

    @contextlib.asynccontextmanager
    async def _admitted(self, transport: ServicerContext) -> AsyncIterator[Caller]:
        """Authenticate the caller, and count its stream until the end of the block. Raises StreamError."""
        try:
            metadata = transport.invocation_metadata() or ()
            caller = await unix_socket.caller_of(transport, metadata, self._authenticator, self._unix_caller)
        except GatewayError as error:
            rejection = Rejection(code_pb2.Code.Name(error.kind.code), reason_name(error.kind.reason))
            if self._rejections is not None:
                source = CallSource(peer_address(transport.peer()))
                await self._rejections.count_and_delay_stream(source, rejection, OPEN_SECRET_STREAM.full_name)
            raise _stream_error(error) from None
        with self._slots.take(caller):
            yield caller

    async def _run(self, stream: SecretStream, caller: Caller) -> None:
        """Run a stream until the node, the expiry of its credential, the maximum age, or the drain ends it."""
        expires = caller.expires - time.time()
        age = self._maximum_age * random.uniform(1 - _AGE_JITTER, 1.0)  # noqa: S311 - protects nothing
        tasks = [asyncio.create_task(_within(work)) for work in (stream.read(), stream.write())]
        try:
            done, _ = await asyncio.wait(
                {*tasks, self._slots.closing}, timeout=max(0.0, min(expires, age)), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if task in done:
                task.result()
                return
        if self._slots.closing.done():
            raise StreamError(grpc.StatusCode.UNAVAILABLE, "the gateway is shutting down")
        if expires <= age:
            raise StreamError(grpc.StatusCode.UNAUTHENTICATED, "the credential of the caller has expired")
        raise StreamError(grpc.StatusCode.UNAVAILABLE, "the stream has reached its maximum age")

    def _node(self, transport: ServicerContext, caller: Caller, message: Any, variant: str) -> Node:
        """Return the node that opens a stream, and record that. Raises StreamError."""
        metadata = transport.invocation_metadata() or ()
        user_agent = next((value for key, value in metadata if key == "user-agent" and isinstance(value, str)), "")
        node = Node(caller, recordable(message.node.id), transport.peer(), recordable(user_agent))
        try:
            self._tools.recorder.opened(node, variant)
        except GatewayError as error:
            raise _stream_error(error) from None
        return node


async def _within(work: Awaitable[None]) -> None:
    await work


def _stream_error(error: GatewayError) -> StreamError:
    return StreamError(status.STATUS_CODES[error.kind.code], error.message)


async def _abort(transport: ServicerContext, error: StreamError) -> NoReturn:
    try:
        await transport.abort(error.code, error.message)
    except grpc.aio.InternalError:  # the node has not taken the first message, and gRPC cannot end such a stream
        raise asyncio.CancelledError from None
    raise AssertionError("abort() always raises")
