"""What the metrics tell of parts that count for themselves: the journal, the upstreams, the caches.

Read when metrics are exported, by another thread, and never in between.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from gateway.journal.settings import AuditSettings
from gateway.journal.ship.lag import Backlog, backlog
from gateway.journal.write.journal import Journal
from gateway.providers.caching import ReadCache
from gateway.providers.catalog import Catalog
from gateway.telemetry import metrics as told
from gateway.telemetry.instruments import Description
from gateway.telemetry.metrics import Metrics
from gateway.upstream.breaker import BreakerState
from gateway.upstream.state import UpstreamState

_BREAKER_LEVELS: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}

_OF_UPSTREAMS: Final[tuple[tuple[Description, Callable[[UpstreamState], float]], ...]] = (
    (told.BREAKER, lambda state: _BREAKER_LEVELS[state.breaker]),
    (told.REQUESTS_IN_FLIGHT, lambda state: state.in_flight),
    (told.REQUESTS_QUEUED, lambda state: state.queued),
    (told.RETRIES, lambda state: state.retries),
    (told.RETRY_BUDGET, lambda state: state.budget),
)
_OF_CACHES: Final[tuple[tuple[Description, Callable[[ReadCache], float]], ...]] = (
    (told.CACHE_HITS, lambda cache: cache.hits),
    (told.CACHE_MISSES, lambda cache: cache.misses),
    (told.CACHE_SIZE, lambda cache: cache.bytes),
)


def providers(catalog: Catalog, metrics: Metrics) -> None:
    """Breakers, queues, retries and caches."""

    def of_upstreams(value: Callable[[UpstreamState], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {provider.id: value(provider.upstream) for provider in catalog}

    def of_caches(value: Callable[[ReadCache], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {provider: value(cache) for provider, cache in catalog.caches.items()}

    for about, of_state in _OF_UPSTREAMS:
        metrics.observe_providers(about, of_upstreams(of_state))
    for about, of_cache in _OF_CACHES:
        metrics.observe_providers(about, of_caches(of_cache))


def journal(of: Journal, audit: AuditSettings, metrics: Metrics, *, alone: bool) -> None:
    """What the metrics tell of the journal; of several workers each tells of its own chain."""

    def behind() -> Collection[Backlog]:
        return backlog(audit.directory, None if alone else [of.folder]).values()

    metrics.observe(told.AUDIT_HEAD, lambda: of.stats.sequence)
    metrics.observe(told.AUDIT_SYNC, lambda: of.stats.sync_seconds)
    metrics.observe(told.AUDIT_UNAVAILABLE, lambda: 0 if of.available else 1)
    if audit.ship is not None:
        metrics.observe(told.AUDIT_BACKLOG, lambda: sum(one.records for one in behind()))
        metrics.observe(told.AUDIT_BACKLOG_AGE, lambda: max((one.seconds for one in behind()), default=0.0))
