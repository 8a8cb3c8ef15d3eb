"""One stream of a node: its subscriptions, the messages to the node, and the answers of the node."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError

from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS
from gateway.identity.caller import Caller
from gateway.server.rpc_context import ServicerContext
from gateway.server.transport import stalled_peers
from gateway.surfaces.sds.dialects import Dialect, NodeAnswer, StreamRequest
from gateway.surfaces.sds.envoy_messages import SECRET_TYPE_URL
from gateway.surfaces.sds.names import SecretNames
from gateway.surfaces.sds.node import Node
from gateway.surfaces.sds.recording import DeliveryRecorder
from gateway.surfaces.sds.requested_secrets import RequestedSecrets
from gateway.surfaces.sds.stream_error import StreamError
from gateway.surfaces.sds.subscription import SecretUpdate, Subscription, Surroundings
from gateway.watch.states import VERSION_CHARACTERS

_UNANSWERED_PER_SECRET: Final = 4
WRITE_SECONDS: Final = 30.0
"""A node that does not take a message for this long loses its connection, because the message has a private key."""


class StreamTools(NamedTuple):
    """What all streams of a server use. maximum_secrets: subscriptions of one stream. requested: of each caller."""

    names: SecretNames
    surroundings: Surroundings
    recorder: DeliveryRecorder
    maximum_secrets: int
    requested: RequestedSecrets


class _Sent(NamedTuple):
    """A response that waits for its answer."""

    name: str
    version: str


class SecretStream:
    """One stream. identify: returns the node for the first message."""

    def __init__(
        self, dialect: Dialect, transport: ServicerContext, tools: StreamTools, identify: Callable[[Any], Node]
    ) -> None:
        self._dialect = dialect
        self._transport = transport
        self._tools = tools
        self._identify = identify
        self._subscriptions: dict[str, Subscription] = {}
        self._updates: dict[str, SecretUpdate] = {}
        self._has_updates = asyncio.Event()
        self._sent: dict[str, _Sent] = {}
        self._count = 0
        self._node: Node | None = None

    async def read(self) -> None:
        """Handle the messages of the node until it ends the stream. Raises StreamError."""
        while True:
            received: Any = await self._transport.read()
            if not isinstance(received, bytes):
                return
            self._handle(self._decoded(received))

    async def write(self) -> None:
        """Send the updates. Raises CancelledError if the node does not take them."""
        while True:
            await self._has_updates.wait()
            self._has_updates.clear()
            while self._updates:
                update = self._updates.pop(next(iter(self._updates)))
                await self._write(update)

    def close(self) -> None:
        """End all subscriptions."""
        self._updates.clear()
        for name in list(self._subscriptions):
            self._unsubscribe(name)

    def _decoded(self, received: bytes) -> Any:
        message = self._dialect.message()
        try:
            message.ParseFromString(received)
        except DecodeError:
            name = self._dialect.message.DESCRIPTOR.full_name
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, f"the message cannot be decoded as {name}") from None
        check_type(message)
        if self._node is None:
            self._node = self._identify(message)
        return message

    def _handle(self, message: Any) -> None:
        request = self._dialect.read(message, self._subscriptions.keys())
        if request.answer is not None:
            self._answered(request.answer)
        for name in request.unsubscribe:
            self._unsubscribe(name)
        self._check(request)
        self._tools.requested.add(self._caller, len(request.subscribe))
        for name, held in request.subscribe.items():
            self._subscribe(name, held)

    @property
    def _caller(self) -> Caller:
        assert self._node is not None
        return self._node.caller

    def _check(self, request: StreamRequest) -> None:
        total = len(self._subscriptions) + len(request.subscribe)
        check_names(request.subscribe, total, self._tools.maximum_secrets)

    def _subscribe(self, name: str, held: str) -> None:
        assert self._node is not None
        resource = self._tools.names.resolve(name)
        known = held if len(held) == VERSION_CHARACTERS else ""  # others are not from a gateway, and have no limit
        subscription = Subscription(
            name, resource, known, node=self._node, surroundings=self._tools.surroundings, send=self._send
        )
        self._subscriptions[name] = subscription
        subscription.start()

    def _unsubscribe(self, name: str) -> None:
        self._subscriptions.pop(name).close()
        self._updates.pop(name, None)
        self._tools.requested.remove(self._caller, 1)

    def _send(self, update: SecretUpdate) -> None:
        """Send an update soon. It replaces an earlier one of the same secret that has not been sent."""
        self._updates[update.name] = update
        self._has_updates.set()

    async def _write(self, update: SecretUpdate) -> None:
        self._count += 1
        nonce = str(self._count)
        response = self._dialect.response(update, nonce)
        if response is None:
            return
        if update.material is not None:
            self._sent[nonce] = _Sent(update.name, update.material.version)
            if len(self._sent) > _UNANSWERED_PER_SECRET * max(1, len(self._subscriptions)):
                del self._sent[next(iter(self._sent))]
        await stalled_peers.write(self._transport, response, WRITE_SECONDS)

    def _answered(self, answer: NodeAnswer) -> None:
        """Record that the node accepts or rejects a response with a secret."""
        sent = self._sent.pop(answer.nonce, None)
        subscription = self._subscriptions.get(sent.name) if sent is not None else None
        if sent is None or subscription is None:
            return
        if answer.error is None:
            subscription.accepted(sent.version)
        else:
            subscription.rejected(sent.version)
        assert self._node is not None
        self._tools.recorder.answered(self._node, sent.name, subscription.delivery, sent.version, answer.error)


def check_type(message: Any) -> None:
    """Raise StreamError if a request is about another type of resource."""
    if message.type_url not in ("", SECRET_TYPE_URL):
        raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, f"type_url: must be {SECRET_TYPE_URL}")


def check_names(names: Collection[str], total: int, maximum: int) -> None:
    """Raise StreamError if a name is too long, or if a stream would have more than `maximum` secrets."""
    if total > maximum:
        message = f"resource names: at most {maximum} secrets on one stream (envoy_sds.maximum_secrets_per_stream)"
        raise StreamError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
    if any(len(name) > MAXIMUM_NAME_CHARACTERS for name in names):
        message = f"resource names: at most {MAXIMUM_NAME_CHARACTERS} characters each"
        raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, message)
