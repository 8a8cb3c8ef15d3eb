"""What the tests of the drain share: who listens at an address, a gateway that is told to stop, calls without end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc

from gateway import app
from gateway.gateway_settings import GatewaySettings
from tests.support.waiting import eventually


async def accepts(address: str) -> bool:
    """Whether a new connection is taken."""
    host, _, port = address.rpartition(":")
    try:
        _reader, writer = await asyncio.open_connection(host, int(port))
    except ConnectionError:
        return False
    writer.close()
    return True


async def listener_closed(address: str) -> None:
    """Return once new connections are refused."""

    async def refuses() -> bool:
        return not await accepts(address)

    await eventually(refuses)


class Stoppable:
    """A gateway in this process, of which a test can tell when it begins to drain and when it has ended."""

    def __init__(self, address: str, stop: asyncio.Event, ended: "asyncio.Task[None]") -> None:
        self.address = address
        self.ended = ended
        self._stop = stop

    def begin(self) -> None:
        """Drain."""
        self._stop.set()


@asynccontextmanager
async def stoppable(settings: GatewaySettings) -> AsyncIterator[Stoppable]:
    """A serving gateway; drained at the end of the block at the latest."""
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
    """Repeat a call until it fails; how it failed."""
    while True:
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            return error
