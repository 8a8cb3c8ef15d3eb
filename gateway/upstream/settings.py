"""Settings of the HTTP client: endpoint, timeouts, retries, circuit breaker, and queue of a provider."""

import ssl
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from gateway.config.base import Settings


class RetrySettings(Settings):
    """Retries of a request that did not reach the upstream, or that is safe to retry.

    The pause before a retry is random, between 0 and an upper bound. The bound is initial_backoff for the first retry,
    and doubles with each further one, up to maximum_backoff. If the upstream states a delay (Retry-After), the gateway
    waits that long. If that delay exceeds maximum_backoff or the deadline of the caller, the call fails immediately,
    and its RetryInfo contains the delay.

    A request that is safe to retry is also sent again, immediately and once, if an open connection that it reuses
    breaks before a response begins. This does not count as a retry.
    """

    attempts: int = Field(
        default=3, ge=1, le=10, description="Maximum number of attempts, including the first. 1 disables retries."
    )
    initial_backoff: float = Field(
        default=0.05, gt=0, le=60, description="Upper bound of the pause before the first retry, in seconds."
    )
    maximum_backoff: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Upper bound of every pause, in seconds. A longer delay is returned to the caller in RetryInfo.",
    )
    budget: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Number of retries that each successful request adds to the retry budget. A retry takes 1 from the "
        "budget, so that retries do not overload a failing upstream.",
    )
    reserve: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Maximum number of retries in the budget. The budget is full at the start.",
    )


class BreakerSettings(Settings):
    """Circuit breaker: while it is open, calls fail immediately and the upstream is not contacted.

    It opens in two cases: at least `minimum_calls` requests were sent in the last `window` seconds and the share
    `failure_rate` of them failed, or twice `minimum_calls` consecutive requests failed. A failure is a connection that
    cannot be opened or breaks, a timeout, or a 5xx status that reports an outage. A connection that was open before the
    request and breaks before a response begins is not a failure: servers close idle connections.
    """

    enabled: bool = Field(default=True, description="Whether the circuit breaker is active.")
    failure_rate: float = Field(default=0.5, gt=0, le=1, description="Share of failed requests that opens the breaker.")
    minimum_calls: int = Field(
        default=10, ge=1, le=100_000, description="Minimum number of requests in the window for failure_rate to apply."
    )
    window: float = Field(default=10.0, gt=0, le=3600, description="Length of the window, in seconds.")
    interval: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description=(
            "Maximum seconds between probe requests while the breaker is open. A successful probe closes it. "
            "Each pause is random, between three quarters of this value and all of it, so that several gateways "
            "do not send their probes at the same time."
        ),
    )
    patience: float = Field(
        default=1.0,
        ge=0,
        le=600,
        description="A request that timed out counts as a failure only if it waited for at least this many seconds. It "
        "does not count if the deadline of the caller was shorter.",
    )


class QueueSettings(Settings):
    """Queue of calls that wait for a connection. Callers take turns, so that a batch does not delay single calls."""

    size: int = Field(default=1000, ge=0, le=1_000_000, description="Maximum number of waiting calls.")
    timeout: float | None = Field(
        default=None, gt=0, le=600, description="Maximum wait in seconds. Default: connect_timeout."
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach a provider. By default there are no retries and no circuit breaker.

    endpoint: scheme, host, port and an optional path prefix. tls: None for the system's trust store.
    timeout, connect_timeout: maximum seconds for one exchange and for its connection. read_timeout: maximum seconds
    without data during an exchange. The deadline of the caller limits all three.
    maximum_connections: maximum number of concurrent requests.
    maximum_response_bytes: a longer response is rejected.
    proxy: URL of a proxy; proxies of the environment are ignored.
    transport: `http1` or `aiohttp`; with a proxy always aiohttp.
    """

    endpoint: str
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    connect_timeout: float = 5.0
    read_timeout: float | None = None
    maximum_connections: int = 100
    maximum_response_bytes: int = 2 * 1024 * 1024
    proxy: str | None = None
    retry: RetrySettings = field(default_factory=lambda: RetrySettings(attempts=1))
    breaker: BreakerSettings = field(default_factory=lambda: BreakerSettings(enabled=False))
    queue: QueueSettings = field(default_factory=QueueSettings)
    transport: Literal["http1", "aiohttp"] = "http1"
