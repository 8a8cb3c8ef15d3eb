"""Snapshot of a provider's connection health."""

from typing import NamedTuple

from gateway.upstream.breaker import BreakerState


class UpstreamState(NamedTuple):
    """Connection health of one provider. wait: seconds until its breaker lets a request pass; 0 if it does now.

    in_flight, queued: number of requests. retries: number since the start. budget: retries that are left.
    """

    breaker: BreakerState
    wait: float
    in_flight: int
    queued: int
    retries: int
    budget: float
