"""A load generator in Python that knows the result of every call, for moderate rates.

Calls start at even intervals, regardless of earlier results. Some calls are canceled by their caller.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests.bench.target import Target

_DETAILS: Final = "grpc-status-details-bin"
_GRACE_SECONDS: Final = 5.0
_SOON_SECONDS: Final = 0.005
"""Some callers cancel while the gateway still processes a fast call."""
GIVEN_UP: Final = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Ended:
    """Result of one call. began: monotonic seconds. code: gRPC status or GIVEN_UP. reason: Keyway's reason, if any."""

    began: float
    seconds: float
    code: str
    reason: str = ""


class Callers:
    """Makes calls while the `async with` block runs; at its end, waits for calls in progress.

    rate: calls per second. deadline: seconds per call. given_up: the share of calls that are canceled early.
    begun: number of calls so far. ended: their results.
    """

    def __init__(self, target: Target, request: bytes, *, rate: float, deadline: float, given_up: float = 0.0) -> None:
        self.begun = 0
        self.ended: list[Ended] = []
        self._target = target
        self._request = request
        self._pause = 1 / rate
        self._deadline = deadline
        self._given_up = given_up
        self._metadata = tuple(target.headers.items())
        self._calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        address = f"127.0.0.1:{self._target.port}"
        authority = self._target.authority
        credentials = grpc.ssl_channel_credentials(authority.read_bytes()) if authority is not None else None
        self._channel = (
            grpc.aio.secure_channel(address, credentials) if credentials else grpc.aio.insecure_channel(address)
        )
        await self._channel.channel_ready()
        self._method: Any = self._channel.unary_unary(self._target.path)
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticking.cancel()
        await asyncio.wait([self._ticking])
        if self._calls:
            await asyncio.wait(self._calls, timeout=self._deadline + _GRACE_SECONDS)
        await self._channel.close()

    @property
    def lost(self) -> int:
        """Number of calls without a result, including calls in progress."""
        return self.begun - len(self.ended)

    def since(self, moment: float) -> Iterable[Ended]:
        """Results of calls that started after this moment."""
        return (one for one in self.ended if one.began >= moment)

    async def _tick(self) -> None:
        due = time.monotonic()
        while True:
            # A late start is not made up for: that would cause a burst.
            due = max(due + self._pause, time.monotonic() - 1)
            await asyncio.sleep(due - time.monotonic())
            self.begun += 1
            task = asyncio.create_task(self._call())
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _call(self) -> None:
        began = time.monotonic()
        code, reason = "OK", ""
        call = self._method(self._request, timeout=self._deadline, metadata=self._metadata)
        if random.random() < self._given_up:
            latest = random.choice((_SOON_SECONDS, self._deadline / 2))
            asyncio.get_running_loop().call_later(random.uniform(0, latest), call.cancel)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            code, reason = error.code().name, _reason(error)
        except asyncio.CancelledError:
            code = GIVEN_UP
        self.ended.append(Ended(began, time.monotonic() - began, code, reason))


def _reason(error: grpc.aio.AioRpcError) -> str:
    for key, value in error.trailing_metadata():
        if key == _DETAILS and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return str(info.reason)
    return ""
