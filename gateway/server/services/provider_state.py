"""The conversion of the state of a provider to the messages of the contract."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration

from gateway.provider_states.reports import ProviderSnapshot
from gateway.telemetry.upstream_requests import RequestCounts
from gateway.upstream.breaker import BreakerState
from keyway.v1 import provider_pb2

_STATES: Final[Mapping[BreakerState, provider_pb2.CircuitBreakerState.ValueType]] = {
    BreakerState.CLOSED: provider_pb2.CIRCUIT_BREAKER_STATE_CLOSED,
    BreakerState.HALF_OPEN: provider_pb2.CIRCUIT_BREAKER_STATE_HALF_OPEN,
    BreakerState.OPEN: provider_pb2.CIRCUIT_BREAKER_STATE_OPEN,
}


def circuit_breaker(snapshot: ProviderSnapshot) -> provider_pb2.CircuitBreaker:
    """Return the circuit breakers of all workers."""
    return provider_pb2.CircuitBreaker(
        state=_STATES[snapshot.breaker], open_workers=snapshot.open_workers, workers=len(snapshot.breakers)
    )


def activity(snapshot: ProviderSnapshot) -> provider_pb2.ProviderActivity:
    """Return the recent requests of all workers."""
    requests = snapshot.requests
    return provider_pb2.ProviderActivity(
        window=Duration(seconds=snapshot.seconds),
        requests=requests.total,
        failed_requests=requests.failures.total(),
        failures=[
            provider_pb2.FailureCount(reason=reason, count=count) for reason, count in requests.failures.most_common()
        ],
        latency_p50=_quantile(requests, 0.5),
        latency_p99=_quantile(requests, 0.99),
    )


def _quantile(requests: RequestCounts, share: float) -> Duration | None:
    seconds = requests.quantile(share)
    if seconds is None:
        return None
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration
