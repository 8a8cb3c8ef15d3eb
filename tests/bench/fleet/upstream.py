"""A simulated upstream with a limited capacity, and the transport through which the gateways reach it.

It serves requests in the order of their arrival, a limited number at a time. Requests whose gateway has given up are
served as well, as many servers do: so an upstream with a long queue does useless work, and a retry storm can keep it
from recovering.
"""

import asyncio
import random
from collections import deque
from enum import Enum
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

from gateway.upstream.faults import Faults
from gateway.upstream.messages import HttpRequest, HttpResponse

SERVICE_SECONDS: Final = 0.02
"""Mean duration of a request, without the time in the queue."""
CAPACITY: Final = 2.0
"""Capacity, in multiples of the load."""
SLOWDOWN: Final = 40.0
"""Factor of the duration while the upstream is slow: its capacity is then a twentieth of the load."""
_SPREAD: Final = 0.5
_HEADERS: Final = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))
_OUTAGE_HEADERS: Final = CIMultiDictProxy(CIMultiDict({"Content-Type": "text/plain"}))


class Condition(Enum):
    """HEALTHY: responds. SLOW: responds late. The others are failures: REFUSING refuses connections, HANGING does not
    respond, and OVERLOADED responds with 503.
    """

    HEALTHY = "healthy"
    SLOW = "slow"
    REFUSING = "refusing"
    HANGING = "hanging"
    OVERLOADED = "overloaded"


class SimulatedUpstream:
    """The upstream. load: calls per second in normal operation. arrivals: the time of each request that reached it."""

    def __init__(self, load: float) -> None:
        self.condition = Condition.HEALTHY
        self.arrivals: list[float] = []
        self._idle = max(1, round(CAPACITY * load * SERVICE_SECONDS))
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._faults = Faults("simulated")

    def become(self, condition: Condition) -> None:
        """Change the behavior. A server that refuses connections has ended, and its queue with it. Another failure
        keeps the queue, which is served after the recovery.
        """
        self.condition = condition
        if condition is Condition.REFUSING:
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(self._faults.connection_lost())
            self._waiting.clear()
        self._serve()

    async def exchange(
        self, _request: HttpRequest, _traceparent: str | None, seconds: float, *, new_connection: bool
    ) -> HttpResponse:
        """Receive a request. The other methods complete the interface of a transport."""
        del new_connection
        loop = asyncio.get_running_loop()
        self.arrivals.append(loop.time())
        if self.condition is Condition.REFUSING:
            raise self._faults.unreachable()
        if self.condition is Condition.OVERLOADED:
            return HttpResponse(503, _OUTAGE_HEADERS, b"")
        answer: asyncio.Future[int] = loop.create_future()
        self._waiting.append(answer)
        self._serve()
        try:
            async with asyncio.timeout(seconds):
                return HttpResponse(await answer, _HEADERS, b"{}")
        except TimeoutError as error:
            raise self._faults.timed_out() from error

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def _serve(self) -> None:
        while self._waiting and self._idle and self.condition in {Condition.HEALTHY, Condition.SLOW}:
            self._idle -= 1
            duration = SERVICE_SECONDS * random.uniform(1 - _SPREAD, 1 + _SPREAD)
            if self.condition is Condition.SLOW:
                duration *= SLOWDOWN
            asyncio.get_running_loop().call_later(duration, self._served, self._waiting.popleft())

    def _served(self, answer: "asyncio.Future[int]") -> None:
        self._idle += 1
        if not answer.done():
            answer.set_result(200)
        self._serve()
