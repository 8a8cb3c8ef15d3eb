"""The open streams: their number, their limit for each caller, and their end when the gateway drains."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

import grpc

from gateway.authz.principals import caller_id
from gateway.identity.caller import Caller
from gateway.surfaces.sds.stream_error import StreamError


class StreamSlots:
    """The streams of one server. maximum: streams of one caller."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._open: Counter[str] = Counter()
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def count(self) -> int:
        """Number of open streams."""
        return self._open.total()

    @contextlib.contextmanager
    def take(self, caller: Caller) -> Iterator[None]:
        """Count a stream until the end of the block. Raises StreamError at the limit, and during the drain."""
        if self.closing.done():
            raise StreamError(grpc.StatusCode.UNAVAILABLE, "the gateway is shutting down")
        name = caller_id(caller)
        if self._open[name] >= self._maximum:
            message = f"the caller has {self._maximum} streams, the maximum (envoy_sds.maximum_streams_per_caller)"
            raise StreamError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        self._open[name] += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
            if not self._open:
                self._empty.set()

    async def close(self, seconds: float) -> None:
        """End all streams, and return when they have ended, or after `seconds`."""
        if not self.closing.done():
            self.closing.set_result(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
