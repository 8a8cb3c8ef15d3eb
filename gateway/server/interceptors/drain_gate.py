"""The gate that every call passes early: open while the gateway serves, closed for good once it drains.

Responsible for refusing calls that come too late, and for bounding those that came in time. When that is, and what
becomes of the listener, the assembly says.
"""

import asyncio

from google.protobuf.message import Message

from gateway import errors
from gateway.errors import GatewayError
from gateway.server.rpc import Handler, Rpc


class Gate:
    """Knows the calls that are in progress."""

    def __init__(self) -> None:
        self._closed = False
        self._calls: set[asyncio.Task[object]] = set()
        self._cut_off: set[asyncio.Task[object]] = set()
        self._arrived = asyncio.Event()

    def stage(self, following: Handler) -> Handler:
        """The stage that lets calls through, or refuses them."""

        async def handle(rpc: Rpc) -> Message:
            # gRPC runs each call in a task, which is done when the answer has been sent.
            task = asyncio.current_task()
            assert task is not None
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            if self._closed:
                self._arrived.set()
                raise GatewayError(errors.SERVER_DRAINING, "the gateway is shutting down and takes no more calls")
            try:
                return await following(rpc)
            except asyncio.CancelledError:
                if task not in self._cut_off:
                    raise
                task.uncancel()
                raise GatewayError(errors.CUT_OFF, "the gateway shut down before the call had ended") from None

        return handle

    def close(self, seconds: float) -> None:
        """Refuse calls from here on. Those in progress are cut off, each with an answer, `seconds` from now."""
        self._closed = True
        asyncio.get_running_loop().call_later(seconds, self._cut, frozenset(self._calls))

    def _cut(self, calls: frozenset["asyncio.Task[object]"]) -> None:
        for task in calls & self._calls:
            self._cut_off.add(task)
            task.cancel()

    async def quiet(self, seconds: float, *, at_most: float) -> None:
        """Return once no call has arrived for `seconds`, at the latest after `at_most`."""
        clock = asyncio.get_running_loop().time
        limit = clock() + at_most
        while clock() < limit:
            self._arrived.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return

    async def emptied(self, seconds: float) -> None:
        """Return once every call has been answered, at the latest after `seconds`."""
        clock = asyncio.get_running_loop().time
        limit = clock() + seconds
        while self._calls and (left := limit - clock()) > 0:
            await asyncio.wait(self._calls, timeout=left)
