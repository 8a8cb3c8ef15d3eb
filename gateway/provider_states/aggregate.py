"""The aggregate of the reports of all workers."""

from collections.abc import Collection

from gateway.provider_states.activity import ActivityWindow
from gateway.provider_states.reports import ProviderCheck, ProviderSnapshot, Reports, Snapshots, latest
from gateway.upstream.breaker import BreakerState


class _ProviderState:
    def __init__(self) -> None:
        self.breakers: dict[int, BreakerState] = {}
        self.window = ActivityWindow()
        self.check: ProviderCheck | None = None

    def snapshot(self) -> ProviderSnapshot:
        return ProviderSnapshot(dict(self.breakers), self.window.seconds, self.window.total(), self.check)


class StateAggregate:
    """The state of each provider that a worker has reported. Requests of a worker that ended still count."""

    def __init__(self) -> None:
        self._providers: dict[str, _ProviderState] = {}

    def report(self, worker: int, reports: Reports) -> None:
        """Add the reports of a worker."""
        for provider, report in reports.items():
            state = self._providers.setdefault(provider, _ProviderState())
            state.breakers[worker] = report.breaker
            state.window.add(report.requests)
            state.check = latest(state.check, report.check)

    def keep(self, workers: Collection[int]) -> None:
        """Forget all other workers, and the providers that no worker has."""
        for state in self._providers.values():
            state.breakers = {worker: state for worker, state in state.breakers.items() if worker in workers}
        self._providers = {provider: state for provider, state in self._providers.items() if state.breakers}

    def snapshots(self) -> Snapshots:
        """Return the current state of each provider."""
        return {provider: state.snapshot() for provider, state in self._providers.items()}

    def snapshot(self, provider: str) -> ProviderSnapshot:
        """Return the current state of one provider; an empty one if no worker has reported it."""
        state = self._providers.get(provider)
        return state.snapshot() if state is not None else ProviderSnapshot()
