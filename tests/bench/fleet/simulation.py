"""The simulated fleet: gateways with the real HTTP client and rate limits, and callers with the real retry policy."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from google.rpc import code_pb2

from gateway.authz.settings import LimitSettings
from gateway.call_context import CallContext
from gateway.errors import GatewayError, UpstreamError
from gateway.identity.caller import Caller
from gateway.server.rate_limiter import RateLimiter
from gateway.server.status import retry_delay
from gateway.upstream import outcomes
from gateway.upstream.client import HttpClient
from gateway.upstream.messages import HttpRequest
from gateway.upstream.settings import BreakerSettings, HttpSettings, RetrySettings
from tests.bench.fleet import virtual_time
from tests.bench.fleet.upstream import Condition, SimulatedUpstream

DEADLINE: Final = 10.0
"""Seconds from a call to its deadline, with all its attempts."""
_IN_TIME: Final = 1.0
CALLERS: Final = 4
"""Callers of each gateway."""
_REQUEST: Final = HttpRequest("POST", "/")
_CLIENTS: Final = Path(__file__).parents[3] / "clients/service-config.json"
PROTECTED: Final = HttpSettings("http://upstream", retry=RetrySettings(), breaker=BreakerSettings())
"""The default settings of a provider."""
DEFAULT_LIMITS: Final = LimitSettings()
UNPROTECTED: Final = HttpSettings(
    "http://upstream",
    retry=RetrySettings(budget=1.0, reserve=1000),
    breaker=BreakerSettings(enabled=False),
    maximum_connections=10_000,
)
"""The same retries, but without a breaker, a bulkhead, and, in effect, a budget: for comparison."""


@dataclass(frozen=True)
class Plan:
    """What to simulate. rate: calls per second to each gateway.

    healthy, slow, failed, after: seconds of each phase. step: seconds over which bursts are counted.
    impatient: callers ignore the retry policy, and retry after this many seconds until their deadline; None for callers
    that retry as the clients do.
    """

    failure: Condition
    gateways: int = 200
    rate: float = 10.0
    healthy: float = 15.0
    slow: float = 15.0
    failed: float = 30.0
    after: float = 40.0
    settings: HttpSettings = PROTECTED
    limits: LimitSettings = DEFAULT_LIMITS
    impatient: float | None = None
    step: float = 0.1
    seed: int = 1

    @property
    def name(self) -> str:
        """The name of the plan in the results."""
        impatient = ", impatient callers" if self.impatient is not None else ""
        unprotected = ", no breaker, no bulkhead, large budget" if self.settings is UNPROTECTED else ""
        return self.failure.value + impatient + unprotected

    @property
    def load(self) -> float:
        """Calls per second to all gateways."""
        return self.gateways * self.rate

    @property
    def slows(self) -> float:
        """The time at which the upstream becomes slow."""
        return self.healthy

    @property
    def fails(self) -> float:
        """The time at which the upstream fails."""
        return self.slows + self.slow

    @property
    def returns(self) -> float:
        """The time at which the upstream returns."""
        return self.fails + self.failed

    @property
    def ends(self) -> float:
        """The time of the last call."""
        return self.returns + self.after


@dataclass
class Recording:
    """What happened, as times in seconds.

    calls: start of each call. succeeded, in_time: start of each call that succeeded, and that did so within a second.
    attempts: calls that reached a gateway, with the retries of the callers. requests: requests that reached the
    upstream.
    """

    plan: Plan
    calls: list[float] = field(default_factory=list)
    succeeded: list[float] = field(default_factory=list)
    in_time: list[float] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)


class _Gateway:
    def __init__(self, plan: Plan, upstream: SimulatedUpstream) -> None:
        self._client = HttpClient("simulated", plan.settings, upstream)
        self._limiter = RateLimiter(plan.limits, asyncio.get_running_loop().time)

    async def serve(self, caller: Caller, call: CallContext) -> None:
        with self._limiter.admit(caller):
            response = await self._client.send(_REQUEST, call)
            if response.status != 200:
                kind = outcomes.for_http_status(response.status)
                raise UpstreamError(kind, "failed", provider="simulated", http_status=response.status)


class _Fleet:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.upstream = SimulatedUpstream(plan.load)
        self.recording = Recording(plan, requests=self.upstream.arrivals)
        self.policy = _retry_policy()
        self.gateways = [_Gateway(plan, self.upstream) for _ in range(plan.gateways)]
        self.numbers = (str(number) for number in count())

    async def run(self) -> Recording:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._change())
            for gateway in self.gateways:
                for number in range(CALLERS):
                    group.create_task(self._caller(group, gateway, Caller(f"caller-{number}", "dns")))
        return self.recording

    async def _change(self) -> None:
        plan = self.plan
        for seconds, condition in (
            (plan.healthy, Condition.SLOW),
            (plan.slow, plan.failure),
            (plan.failed, Condition.HEALTHY),
        ):
            await asyncio.sleep(seconds)
            self.upstream.become(condition)

    async def _caller(self, group: asyncio.TaskGroup, gateway: _Gateway, caller: Caller) -> None:
        """Start calls at random times, whether or not earlier ones have ended."""
        loop, rate = asyncio.get_running_loop(), self.plan.rate / CALLERS
        while True:
            await asyncio.sleep(random.expovariate(rate))
            if loop.time() >= self.plan.ends:
                return
            group.create_task(self._call(gateway, caller))

    async def _call(self, gateway: _Gateway, caller: Caller) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.recording.calls.append(began)
        deadline = began + DEADLINE
        backoffs = None if self.plan.impatient else _backoffs(self.policy)
        while True:
            self.recording.attempts.append(loop.time())
            try:
                await gateway.serve(caller, CallContext(next(self.numbers), deadline, idempotent=True))
            except GatewayError as error:
                pause = self.plan.impatient if backoffs is None else _pause(error, backoffs)
                if pause is None or loop.time() + pause >= deadline:
                    return
                await asyncio.sleep(pause)
            else:
                self.recording.succeeded.append(began)
                if loop.time() - began <= _IN_TIME:
                    self.recording.in_time.append(began)
                return


def _retry_policy() -> dict[str, Any]:
    """The retry policy of the clients for methods without side effects."""
    methods = json.loads(_CLIENTS.read_text(encoding="utf-8"))["methodConfig"]
    policy: dict[str, Any] = next(method["retryPolicy"] for method in methods if "retryPolicy" in method)
    return policy


def _backoffs(policy: dict[str, Any]) -> Iterator[float]:
    """Yield the pause before each retry, with the jitter of gRPC."""
    bound, maximum = (float(policy[key].removesuffix("s")) for key in ("initialBackoff", "maxBackoff"))
    for _ in range(policy["maxAttempts"] - 1):
        yield min(bound, maximum) * random.uniform(0.8, 1.2)
        bound *= policy["backoffMultiplier"]


def _pause(error: GatewayError, backoffs: Iterator[float]) -> float | None:
    """Return the seconds until the retry, as gRPC computes them: exactly what the gateway requests, if it does."""
    backoff = next(backoffs, None)
    if backoff is None or error.kind.code != code_pb2.UNAVAILABLE:
        return None
    requested = retry_delay(error, idempotent=True)
    return backoff if requested is None else requested


def simulate(plan: Plan) -> Recording:
    """Run a plan."""

    async def main() -> Recording:
        return await _Fleet(plan).run()

    return virtual_time.run(main(), plan.seed)
