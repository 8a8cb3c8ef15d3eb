"""Settings of the HTTP side: how a provider is reached, and what is done where it fails or is slow."""

import ssl
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from gateway.config.base import Settings


class RetrySettings(Settings):
    """Repeating a request whose failure says that nothing happened, or, for methods that are safe to repeat, may have.

    attempts: requests in all, 1 for none but the first.
    initial_backoff, maximum_backoff: seconds. The pause before a repeat is drawn between 0 and a bound that doubles
    from the first to the second. Where the upstream says how long to wait, that is done; a caller that would wait for
    longer than `maximum_backoff`, or beyond its deadline, is answered at once, with the time in its RetryInfo.
    budget: repeats that each request which went well earns, so that an upstream in trouble is not asked much more
    often than a sound one. reserve: repeats that can be saved up, and that there are at the start.
    """

    attempts: int = Field(default=3, ge=1, le=10)
    initial_backoff: float = Field(default=0.05, gt=0, le=60)
    maximum_backoff: float = Field(default=2.0, gt=0, le=60)
    budget: float = Field(default=0.1, ge=0, le=1)
    reserve: int = Field(default=10, ge=1, le=1000)


class BreakerSettings(Settings):
    """The circuit breaker, which answers for an upstream that is down, in the place of asking it.

    It opens where at least `failure_rate` of at least `minimum_calls` requests of the last `window` seconds failed:
    were not connected, were broken off, had no answer in time, or 5xx of a server in trouble; or twice `minimum_calls`
    in a row, whatever was before. Every `interval` seconds one call is let through; where that goes well, all are.
    patience: seconds that an upstream had at least before a request without an answer counts as its failure, and not as
    that of a caller in a hurry.
    """

    enabled: bool = True
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    minimum_calls: int = Field(default=10, ge=1, le=100_000)
    window: float = Field(default=10.0, gt=0, le=3600)
    interval: float = Field(default=5.0, gt=0, le=600)
    patience: float = Field(default=1.0, ge=0, le=600)


class QueueSettings(Settings):
    """Where calls wait while all of a provider's connections are in use; each caller's turn comes, batch or not.

    size: calls that may wait. timeout: seconds that each may wait; by default as long as for a new connection.
    """

    size: int = Field(default=1000, ge=0, le=1_000_000)
    timeout: float | None = Field(default=None, gt=0, le=600)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach a provider.

    endpoint: scheme, host, port and an optional path prefix. tls: None for the system's trust store.
    timeout, connect_timeout, read_timeout: seconds for one exchange, for its connection, and for each silence of the
    upstream within it; all under the caller's deadline.
    maximum_connections: requests at once.
    proxy: the environment's proxies are ignored.
    transport: what carries the requests; through a proxy it is always aiohttp.
    Without more, a request is sent once, and no breaker stands before it.
    """

    endpoint: str
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    connect_timeout: float = 5.0
    read_timeout: float | None = None
    maximum_connections: int = 100
    proxy: str | None = None
    retry: RetrySettings = field(default_factory=lambda: RetrySettings(attempts=1))
    breaker: BreakerSettings = field(default_factory=lambda: BreakerSettings(enabled=False))
    queue: QueueSettings = field(default_factory=QueueSettings)
    transport: Literal["lean", "aiohttp"] = "lean"
