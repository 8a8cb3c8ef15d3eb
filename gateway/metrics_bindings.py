"""Bindings of instruments to components that count for themselves, such as the journal and the upstreams.

Exporter threads read the values, and only for an export.
"""

import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from gateway import __version__
from gateway.config.load_state import LoadState
from gateway.deliveries.ledger import DeliveryLedger
from gateway.identity.tls_files import TlsFiles
from gateway.journal.settings import AuditSettings
from gateway.journal.ship.lag import Lag, shipping_lag
from gateway.journal.write.disk_usage import DiskUsage
from gateway.journal.write.journal import Journal
from gateway.poller.poller import CertificatePollers
from gateway.provider_states.reports import ProviderSnapshot, Snapshots
from gateway.providers.caching import ReadCache
from gateway.providers.catalog import Catalog
from gateway.telemetry import conventions as names
from gateway.telemetry import process_usage
from gateway.telemetry.descriptions import audit as audit_metrics
from gateway.telemetry.descriptions import certificates, processes
from gateway.telemetry.descriptions import providers as provider_metrics
from gateway.telemetry.descriptions import secrets as secret_metrics
from gateway.telemetry.descriptions import vault_api as vault_metrics
from gateway.telemetry.event_loop import EventLoopLag
from gateway.telemetry.instruments import Attributes, Description, Point, Series
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.upstream_requests import RequestDurations
from gateway.upstream.state import UpstreamState

_UPSTREAM_GAUGES: Final[tuple[tuple[Description, Callable[[UpstreamState], float]], ...]] = (
    (provider_metrics.BREAKER, lambda state: int(state.breaker)),
    (provider_metrics.REQUESTS_IN_FLIGHT, lambda state: state.in_flight),
    (provider_metrics.REQUESTS_QUEUED, lambda state: state.queued),
    (provider_metrics.RETRIES, lambda state: state.retries),
    (provider_metrics.RETRY_BUDGET, lambda state: state.budget),
)
_BREAKER_GAUGES: Final[tuple[tuple[Description, Callable[[ProviderSnapshot], float]], ...]] = (
    (provider_metrics.BREAKER_OVERALL, lambda snapshot: int(snapshot.breaker)),
    (provider_metrics.BREAKER_OPEN_WORKERS, lambda snapshot: snapshot.open_workers),
)
_PROCESS_GAUGES: Final[tuple[tuple[Description, Callable[[], float | None]], ...]] = (
    (processes.MEMORY_USAGE, process_usage.resident_bytes),
    (processes.OPEN_FILES, process_usage.open_files),
    (processes.OPEN_FILES_LIMIT, process_usage.open_files_limit),
)
_RELOAD_GAUGES: Final[tuple[tuple[Description, Callable[[LoadState], float]], ...]] = (
    (processes.RELOAD_AGE, lambda state: state.age),
    (processes.RELOAD_FAILED, lambda state: int(state.failed)),
)
_CACHE_GAUGES: Final[tuple[tuple[Description, Callable[[ReadCache], float]], ...]] = (
    (provider_metrics.CACHE_HITS, lambda cache: cache.hits),
    (provider_metrics.CACHE_MISSES, lambda cache: cache.misses),
    (provider_metrics.CACHE_SIZE, lambda cache: cache.bytes),
)


def process(lag: EventLoopLag, metrics: Metrics) -> None:
    """Register the version of the gateway, the resources of the process, and the lag of its event loop."""
    build: Attributes = {
        names.SERVICE_VERSION: __version__,
        names.PROCESS_RUNTIME_VERSION: platform.python_version(),
    }

    metrics.register(processes.BUILD_INFO, lambda: [Point(build, 1)])
    metrics.register(processes.CPU_TIME, _cpu_points)
    for about, value in _PROCESS_GAUGES:
        metrics.observe(about, value)
    metrics.observe(processes.EVENT_LOOP_LAG, lag.maximum)


def supervisor_series(snapshots: Snapshots, configuration: LoadState) -> Sequence[Series]:
    """Return what the supervisor of workers measures: its own resources, and what concerns all workers."""
    usage = [(about, value()) for about, value in _PROCESS_GAUGES]
    return [
        Series(processes.CPU_TIME, list(_cpu_points())),
        *(Series(about, [Point({}, value)]) for about, value in usage if value is not None),
        *(Series(about, list(_breaker_points(snapshots, value))) for about, value in _BREAKER_GAUGES),
        *(
            Series(about, list(_reload_points({"configuration": configuration}, value)))
            for about, value in _RELOAD_GAUGES
        ),
    ]


def breakers(catalog: Catalog, metrics: Metrics) -> None:
    """Register the circuit breakers over all workers, in a gateway of a single process."""

    def points(value: Callable[[ProviderSnapshot], float]) -> Iterator[Point]:
        snapshots = {provider.id: ProviderSnapshot({0: provider.upstream.breaker}) for provider in catalog}
        return _breaker_points(snapshots, value)

    for about, value in _BREAKER_GAUGES:
        metrics.register(about, partial(points, value))


def _breaker_points(snapshots: Snapshots, value: Callable[[ProviderSnapshot], float]) -> Iterator[Point]:
    for provider, snapshot in snapshots.items():
        yield Point({names.KEYWAY_PROVIDER: provider}, value(snapshot))


def _cpu_points() -> Iterator[Point]:
    for mode, seconds in process_usage.cpu_seconds().items():
        yield Point({names.CPU_MODE: mode}, seconds)


def reloads(states: Mapping[str, LoadState], tls: TlsFiles | None, metrics: Metrics) -> None:
    """Register the results of loading files, by source, and the expiry of the gateway's own certificate."""
    for about, value in _RELOAD_GAUGES:
        metrics.register(about, partial(_reload_points, states, value))
    if tls is not None:
        metrics.observe(processes.SERVER_CERTIFICATE_EXPIRY, partial(_days_left, tls))


def _reload_points(states: Mapping[str, LoadState], value: Callable[[LoadState], float]) -> Iterator[Point]:
    for source, state in states.items():
        yield Point({names.KEYWAY_RELOAD_SOURCE: source}, value(state))


def _days_left(tls: TlsFiles) -> float:
    return round((tls.current.expires - datetime.now(UTC)) / timedelta(days=1), 3)


def providers(catalog: Catalog, metrics: Metrics) -> None:
    """Register the durations of requests, and the gauges of circuit breakers, queues, retries and caches."""

    def of_upstreams(value: Callable[[UpstreamState], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {provider.id: value(provider.upstream) for provider in catalog}

    def of_caches(value: Callable[[ReadCache], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {provider: value(cache) for provider, cache in catalog.caches.items()}

    metrics.include(RequestDurations([provider.requests for provider in catalog]))
    for about, of_state in _UPSTREAM_GAUGES:
        metrics.observe_providers(about, of_upstreams(of_state))
    for about, of_cache in _CACHE_GAUGES:
        metrics.observe_providers(about, of_caches(of_cache))


def pollers(of: CertificatePollers, metrics: Metrics) -> None:
    """Register the age, the interval, and the failures of the pollers."""
    metrics.register(certificates.POLLER_AGE, of.ages)
    metrics.register(certificates.POLLER_INTERVAL, of.intervals)
    metrics.register(certificates.POLLER_FAILURES, of.failures)


def secrets(
    ledger: DeliveryLedger,
    streams: Callable[[], int],
    largest: Callable[[], int],
    answers: Mapping[str, int],
    metrics: Metrics,
) -> None:
    """Register the deliveries of secrets to Envoy.

    largest: returns the number of secrets of the caller with the most. answers: the number of answers of nodes by
    result.
    """
    metrics.observe(secret_metrics.STREAMS, streams)
    metrics.observe(secret_metrics.LARGEST_CALLER, largest)
    metrics.register(
        secret_metrics.STATES,
        lambda: [Point({names.KEYWAY_SDS_STATE: state.value}, count) for state, count in ledger.counts()],
    )
    metrics.register(
        secret_metrics.ANSWERS,
        lambda: [Point({names.KEYWAY_SDS_RESULT: result}, count) for result, count in answers.items()],
    )


def vault_api(connections: Callable[[], int], refused: Callable[[], int], metrics: Metrics) -> None:
    """Register the connections to the Vault API."""
    metrics.observe(vault_metrics.CONNECTIONS, connections)
    metrics.observe(vault_metrics.REFUSED, refused)


def journal(of: Journal, audit: AuditSettings, metrics: Metrics, *, alone: bool) -> None:
    """Register the gauges of the journal. alone: false if there are several workers: each reports its own chain."""

    def chain_lags() -> Collection[Lag]:
        return shipping_lag(audit.directory, None if alone else [of.folder], of.public_key).values()

    def of_disk(value: Callable[[DiskUsage], float]) -> Callable[[], float | None]:
        return lambda: value(usage) if (usage := of.disk.usage) is not None else None

    metrics.observe(audit_metrics.AUDIT_HEAD, lambda: of.stats.sequence)
    metrics.observe(audit_metrics.AUDIT_SYNC, lambda: of.stats.sync_seconds)
    metrics.observe(audit_metrics.AUDIT_UNAVAILABLE, lambda: 0 if of.available else 1)
    metrics.observe(audit_metrics.AUDIT_SIZE, of_disk(lambda usage: usage.journal if alone else usage.chain))
    metrics.observe(audit_metrics.AUDIT_DISK_FREE, of_disk(lambda usage: usage.free))
    metrics.observe(audit_metrics.AUDIT_DISK_USED, of_disk(lambda usage: usage.used_share))
    metrics.observe(audit_metrics.AUDIT_DISK_TIME_TO_FULL, lambda: of.disk.seconds_to_full)
    if audit.ship is not None:
        metrics.observe(audit_metrics.AUDIT_BACKLOG, lambda: sum(one.records for one in chain_lags()))
        metrics.observe(
            audit_metrics.AUDIT_BACKLOG_AGE, lambda: max((one.seconds for one in chain_lags()), default=0.0)
        )
