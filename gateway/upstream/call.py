"""What the layers below the server know of the RPC they serve: its deadline, its trace, and what was asked upstream."""

import time
from dataclasses import dataclass, field

from gateway.telemetry.calls import CallTrace
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request of an upstream and how it ended. `http_status` is None where no answer came."""

    provider: str
    method: str
    http_status: int | None
    seconds: float


@dataclass(slots=True)
class Call:
    """One RPC, seen from below the server.

    deadline: in seconds of `time.monotonic()`.
    repeatable: whether the RPC is safe to repeat (its `idempotency_level`), which decides about RetryInfo.
    trace, metrics: where there is a trace, and where requests to an upstream are measured.
    providers: the only ones that the caller may ask, where the RPC is about all of them; None without such a limit.
    denied: names of a batch's items that the caller may not use.
    items: what became of each item of a batch, for the record.
    fresh: whether the caller wants no answer from before. stale_seconds: the age of one that it got, the upstream being
    down.
    probe: whether the call is to find out how the provider is: it is asked once, and also where it failed of late.
    """

    request_id: str
    deadline: float
    repeatable: bool
    attempts: list[Attempt] = field(default_factory=list)
    trace: CallTrace | None = field(default=None, repr=False)
    metrics: Metrics | None = field(default=None, repr=False)
    providers: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()
    items: list[dict[str, object]] = field(default_factory=list)
    fresh: bool = False
    stale_seconds: float | None = None
    probe: bool = False

    def remaining(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self.deadline - time.monotonic())
