"""The state of the providers, in one process of the gateway.

A gateway with a single process aggregates the state itself. A worker reports to the supervisor, and receives the
aggregate.
"""

import asyncio
import time
from dataclasses import replace
from typing import Final

from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import (
    ProviderCheck,
    ProviderReport,
    ProviderSnapshot,
    Reports,
    Snapshots,
    latest,
)
from gateway.providers.base.provider import Provider
from gateway.providers.catalog import Catalog
from gateway.telemetry.upstream_requests import RequestCounts
from keyway.v1.provider_pb2 import PROVIDER_STATE_READY, ProviderState

COLLECT_SECONDS: Final = 1.0


class ProviderStates:
    """The state of each provider over all workers. worker: the number of this one; None in a single process."""

    def __init__(self, catalog: Catalog, worker: int | None = None) -> None:
        self._catalog = catalog
        self._number = worker if worker is not None else 0
        self._alone = StateAggregate() if worker is None else None
        self._checks: dict[str, ProviderCheck] = {}
        self._applied: dict[str, int] = {}
        self._reported = {provider.id: RequestCounts() for provider in catalog}
        self._snapshots: Snapshots = {}

    def checked(self, provider: str, state: ProviderState.ValueType, reason: str) -> None:
        """Record the result of a health check that ended just now."""
        check = self._checks[provider] = ProviderCheck(time.time_ns(), state, reason)
        self._applied[provider] = check.ended_at

    def current(self, provider: Provider) -> ProviderSnapshot:
        """Return the current state of a provider. Data of other workers can be some seconds old."""
        known = self._known(provider)
        breakers = {**known.breakers, self._number: provider.upstream.breaker}
        return replace(known, breakers=breakers, check=latest(known.check, self._checks.get(provider.id)))

    def collect(self) -> Reports:
        """Return the changes since the last call of this method, for the supervisor."""
        return {provider.id: self._report(provider) for provider in self._catalog}

    def receive(self, snapshots: Snapshots) -> None:
        """Use the aggregate of the supervisor. A successful health check in another worker closes the breaker here."""
        self._snapshots = snapshots
        for provider in self._catalog:
            snapshot = snapshots.get(provider.id)
            if snapshot is not None and snapshot.check is not None:
                self._apply(provider, snapshot.check)

    def _apply(self, provider: Provider, check: ProviderCheck) -> None:
        """Close the breaker once for each successful check. After that, it can open again."""
        if check.ended_at > self._applied.get(provider.id, 0):
            self._applied[provider.id] = check.ended_at
            if check.state == PROVIDER_STATE_READY:
                provider.recovered()

    async def follow(self) -> None:
        """Collect regularly in a gateway of a single process, until this task is canceled."""
        while self._alone is not None:
            self._alone.report(self._number, self.collect())
            await asyncio.sleep(COLLECT_SECONDS)

    def _known(self, provider: Provider) -> ProviderSnapshot:
        """Return the aggregate for one provider; in a single process, including its latest requests."""
        if self._alone is None:
            return self._snapshots.get(provider.id) or ProviderSnapshot()
        self._alone.report(self._number, {provider.id: self._report(provider)})
        return self._alone.snapshot(provider.id)

    def _report(self, provider: Provider) -> ProviderReport:
        counts = provider.requests.counts()
        requests = counts.since(self._reported[provider.id])
        self._reported[provider.id] = counts
        return ProviderReport(provider.upstream.breaker, requests, self._checks.get(provider.id))
