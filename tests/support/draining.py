"""Helpers of the drain tests: listening addresses, gateways to stop, and repeated calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc

from gateway import app
from gateway.gateway_settings import GatewaySettings
from tests.support.waiting import eventually


async def accepts(address: str) -> bool:
    """Return whether the address accepts a new connection."""
    host, _, port = address.rpartition(":")
    try:
        _reader, writer = await asyncio.open_connection(host, int(port))
    except ConnectionError:
        return False
    writer.close()
    return True


async def listener_closed(address: str) -> None:
    """Return when new connections are refused."""

    async def refuses() -> bool:
        return not await accepts(address)

    await eventually(refuses)


class Stoppable:
    """A gateway in this process. A test starts its drain and can observe its end."""

    def __init__(self, address: str, stop: asyncio.Event, ended: "asyncio.Task[None]") -> None:
        self.address = address
        self.ended = ended
        self._stop = stop

    def begin(self) -> None:
        """Begin the drain."""
        self._stop.set()


@asynccontextmanager
async def stoppable(settings: GatewaySettings) -> AsyncIterator[Stoppable]:
    """Run a gateway until a test drains it, at the latest until the end of the block."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with app.gateway(settings) as server:
            address.set_result(server.address)
            await stop.wait()

    ended = asyncio.create_task(serve())
    try:
        yield Stoppable(await address, stop, ended)
    finally:
        stop.set()
        await ended


async def until_refused(call: Callable[[], Awaitable[object]]) -> grpc.aio.AioRpcError:
    """Repeat a call until it fails, and return the error."""
    while True:
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            return error
