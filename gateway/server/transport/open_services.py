"""Services without authentication (health and reflection), with limits on what every peer can send to them.

gRPC receives a message that a handler waits for completely before it passes it on. The number of such waiting handlers
times the largest message is the memory that unauthenticated peers can fill with messages.

A peer that grants no flow-control window does not take its response, and gRPC cannot end such a call: it keeps the
response until the connection closes. So the number of responses that are not sent yet is limited, too, and the gateway
closes the connection after a time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError, Message

from gateway.server.rpc_context import ServicerContext
from gateway.server.transport import stalled_peers
from gateway.server.transport.peer_slots import PeerSlots
from gateway.server.transport.stalled_peers import WRITE_SECONDS

_MAXIMUM_WAITING: Final = 16
"""Handlers that wait for a message. A new one ends the oldest, so that peers who send nothing do not block others."""
_WAITING_SECONDS: Final = 10.0
_MAXIMUM_MESSAGE_BYTES: Final = 4096
_MAXIMUM_STREAMS: Final = 1024
"""Streams that stay open, such as Watch of the health service. One peer can open half of them."""
_MAXIMUM_UNSENT: Final = 128
"""Responses that their peers have not taken yet. A quarter of them can be for one peer."""

_Handler = Any  # of gRPC, whose types do not describe the attributes that depend on the kind


class OpenServices:
    """Registers the handlers of generated code at a server, with limits: `add_X_to_server(servicer, OpenServices(s))`.

    waiting: handlers that wait for a message concurrently, for at most `seconds`. streams: streams that stay open.
    unsent: responses that are not sent yet.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        *,
        waiting: int = _MAXIMUM_WAITING,
        seconds: float = _WAITING_SECONDS,
        streams: int = _MAXIMUM_STREAMS,
        unsent: int = _MAXIMUM_UNSENT,
    ) -> None:
        self._server = server
        self._receiving = _Receiving(waiting, seconds)
        self._streams = PeerSlots(streams, max(1, streams // 2))
        self._unsent = PeerSlots(unsent, max(1, unsent // 4))

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Add handlers, each within the limits."""
        limited = [_Limited(each, self._receiving, self._streams, self._unsent) for each in handlers]
        self._server.add_generic_rpc_handlers(limited)

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """Do nothing: generated code adds its handlers as generic ones, too."""


class _Limited(grpc.GenericRpcHandler):
    def __init__(
        self, inner: grpc.GenericRpcHandler, receiving: "_Receiving", streams: PeerSlots, unsent: PeerSlots
    ) -> None:
        self._inner = inner
        self._receiving = receiving
        self._streams = streams
        self._unsent = unsent

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return the handler of a call, which receives its messages within the limits."""
        handler: _Handler = self._inner.service(details)
        if handler is None:
            return None
        if handler.unary_unary:
            stream = self._unary(handler)
        else:
            stream = self._single_request(handler) if handler.unary_stream else self._requests(handler)
        return grpc.stream_stream_rpc_method_handler(stream, None, handler.response_serializer)

    def _unary(self, handler: _Handler) -> Any:
        async def respond(_messages: object, transport: ServicerContext) -> None:
            request = await self._required(handler, transport)
            async with self._unsent.slot(transport):
                await stalled_peers.write(transport, await handler.unary_unary(request, transport), WRITE_SECONDS)

        return respond

    def _single_request(self, handler: _Handler) -> Any:
        async def respond(_messages: object, transport: ServicerContext) -> None:
            request = await self._required(handler, transport)
            async with self._streams.slot(transport):
                await handler.unary_stream(request, transport)

        return respond

    def _requests(self, handler: _Handler) -> Any:
        async def requests(transport: ServicerContext) -> AsyncIterator[Message]:
            while (request := await self._receiving.message(handler, transport)) is not None:
                yield request

        async def respond(_messages: object, transport: ServicerContext) -> None:
            async for response in handler.stream_stream(requests(transport), transport):
                async with self._unsent.slot(transport):
                    await stalled_peers.write(transport, response, WRITE_SECONDS)

        return respond

    async def _required(self, handler: _Handler, transport: ServicerContext) -> Message:
        if (request := await self._receiving.message(handler, transport)) is None:
            await _reject(transport, grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")
        return request


class _Receiving:
    """Receives messages, a limited number concurrently."""

    def __init__(self, maximum: int, seconds: float) -> None:
        self._maximum = maximum
        self._seconds = seconds
        self._waiting: dict[asyncio.Timeout, None] = {}

    async def message(self, handler: _Handler, transport: ServicerContext) -> Message | None:
        """Return the next message; None at the end. Aborts the call if it is too large or does not arrive."""
        try:
            received = await self._received(transport)
        except TimeoutError:
            received = None
            await _reject(transport, grpc.StatusCode.RESOURCE_EXHAUSTED, "the message did not arrive in time")
        if not isinstance(received, bytes):
            return None
        if len(received) > _MAXIMUM_MESSAGE_BYTES:
            text = f"the message has more than {_MAXIMUM_MESSAGE_BYTES} bytes"
            await _reject(transport, grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        try:
            message: Message = handler.request_deserializer(received)
        except DecodeError:
            await _reject(transport, grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be decoded")
        return message

    async def _received(self, transport: ServicerContext) -> object:
        async with asyncio.timeout(self._seconds) as limit:
            if len(self._waiting) >= self._maximum:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                oldest.reschedule(asyncio.get_running_loop().time())
            self._waiting[limit] = None
            try:
                return await transport.read()
            finally:
                self._waiting.pop(limit, None)


async def _reject(transport: ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
    await transport.abort(code, text)
    raise AssertionError("abort() always raises")
