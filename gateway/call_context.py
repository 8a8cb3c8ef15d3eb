"""The context of one call, as providers and the HTTP client see it.

The server creates one context object per call and passes it through every layer. The type that the server itself uses,
`gateway.server.rpc_context.RpcContext`, adds what only the server may read, such as the metadata with the caller's
credentials.
"""

import time
from dataclasses import dataclass, field

from gateway.redaction import DEFAULT_REDACTION, Redaction
from gateway.telemetry.calls import CallTrace


@dataclass(slots=True)  # not frozen, because creating a frozen object for every call takes longer
class Attempt:
    """One HTTP request to an upstream and its result. `http_status` is None if no response arrived."""

    provider: str
    method: str
    http_status: int | None
    seconds: float


@dataclass(slots=True)
class CallContext:
    """State of one call. Each field has one owner, the only component that writes it.

    Method handler (at the start of the call):
        request_id: the gateway's own UUID of the call.
        deadline: in seconds of `time.monotonic()`.
        idempotent: whether the method is safe to retry, by its `idempotency_level`.
        fresh: whether the caller sent `cache-control: no-cache`.
        redaction: how upstream text is recorded.
    Tracing interceptor:
        trace: the trace of the call; None if there is none.
    Authorization interceptor:
        providers: the providers that a call about all providers may include, by id; None means all of them.
        denied: the names in a batch that the caller may not use.
    HTTP client:
        attempts: every HTTP request made for the call.
    Cache:
        stale_seconds: the age of the expired response that the cache returned; None if it returned none.
    Batch service:
        items: the result of each item of a batch, for the audit record.
    In-process calls (at the start of the call):
        background: whether no caller waits for the call. It is not retried, and its failures do not open the breaker.
    Provider service:
        probe: whether the call is a health check: a single attempt, made even if the circuit breaker is open.
    """

    request_id: str
    deadline: float
    idempotent: bool
    attempts: list[Attempt] = field(default_factory=list)
    trace: CallTrace | None = field(default=None, repr=False)
    providers: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()
    items: list[dict[str, object]] = field(default_factory=list)
    fresh: bool = False
    redaction: Redaction = field(default=DEFAULT_REDACTION, repr=False)
    stale_seconds: float | None = None
    probe: bool = False
    background: bool = False

    def remaining(self) -> float:
        """Return the seconds until the deadline, never less than zero."""
        return max(0.0, self.deadline - time.monotonic())

    def shared(self, deadline: float, *, idempotent: bool | None = None, probe: bool = False) -> "CallContext":
        """Return a context for work that several calls wait for, such as a login or a cached read.

        The work belongs to the trace of this call, which starts it, and its attempts count for this call. It has a
        deadline of its own, because this call can end before the others do.

        idempotent: None keeps the value of this call. probe: true makes it a health check.
        """
        return CallContext(
            self.request_id,
            deadline,
            self.idempotent if idempotent is None else idempotent,
            attempts=self.attempts,
            trace=self.trace,
            providers=self.providers,
            denied=self.denied,
            items=self.items,
            fresh=self.fresh,
            redaction=self.redaction,
            probe=self.probe or probe,
            background=self.background,
        )
