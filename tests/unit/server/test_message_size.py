"""The receipt of request messages: the largest size, and messages that do not arrive."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway.gateway_settings import GatewaySettings
from gateway.identity.caller import Caller
from gateway.providers.catalog import Catalog
from gateway.server.authenticators import AnonymousAuthenticator
from gateway.server.gateway_server import GatewayServer
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.server.rpc_context import ServicerContext
from gateway.telemetry.context import Metadata
from tests.support.fake_providers import Inventory, served

METHOD = "/keyway.v1.KeyService/Verify"
UNKNOWN_FIELD = b"\xba\x3e"  # number 999, with a length


class _Announcing(AnonymousAuthenticator):
    """Sets `called` when a call is about to wait for its message."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    def recognize(self, transport: ServicerContext, metadata: Metadata) -> Caller:
        """Identify the caller."""
        self.called.set()
        return super().recognize(transport, metadata)


def message(size: int) -> bytes:
    """Return a request of this size that violates only the required fields."""
    length = size - len(UNKNOWN_FIELD) - 4
    encoded = bytes(0x80 | (length >> shift) & 0x7F for shift in (0, 7, 14)) + bytes([length >> 21])
    return UNKNOWN_FIELD + encoded + bytes(length)


async def code_for(channel: grpc.aio.Channel, size: int) -> grpc.StatusCode:
    call: Any = channel.unary_unary(METHOD)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(message(size), timeout=20)
    return caught.value.code()


@pytest.mark.parametrize(
    ("options", "largest"),
    [({}, 4 << 20), ({"maximum_message_bytes": 16 << 20}, 16 << 20)],
    ids=["default", "configured"],
)
async def test_larger_message_is_rejected_by_the_transport(options: dict[str, int], largest: int) -> None:
    async with served(Inventory("p"), **options) as channel:
        assert await code_for(channel, largest) is grpc.StatusCode.INVALID_ARGUMENT
        assert await code_for(channel, largest + 1) is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_call_without_a_message_is_rejected() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    async with served(Inventory("p")) as channel:
        call: Any = channel.stream_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(nothing(), timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no message" in (caught.value.details() or "")


async def test_message_that_does_not_arrive_ends_at_the_default_deadline() -> None:
    async def late() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    async with served(Inventory("p"), default_deadline=0.1) as channel:
        call: Any = channel.stream_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(late())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "did not arrive" in (caught.value.details() or "")


async def test_drain_interrupts_a_call_that_waits_for_its_message() -> None:
    authenticator = _Announcing()
    settings = GatewaySettings(listen="127.0.0.1:0", drain_delay=0, drain_timeout=0.1)
    server = GatewayServer(settings, Catalog([Inventory("p")]), InterceptorDependencies(authenticator=authenticator))
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        call: Any = channel.stream_unary(METHOD)()
        await authenticator.called.wait()
        await server.drain()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "shut down before" in (caught.value.details() or "")
