"""How it stands with a provider: for those who show it."""

from typing import NamedTuple

from gateway.upstream.breaker import BreakerState


class UpstreamState(NamedTuple):
    """How it stands with one provider. wait: seconds until its breaker lets a request through, 0 where it does.

    in_flight, queued: requests. retries: since the start. budget: repeats that are left for now.
    """

    breaker: BreakerState
    wait: float
    in_flight: int
    queued: int
    retries: int
    budget: float
