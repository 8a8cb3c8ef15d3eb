"""The state of providers as one worker sees it."""

import pytest

from gateway.provider_states.reports import ProviderCheck, ProviderSnapshot
from gateway.provider_states.states import ProviderStates
from gateway.providers.catalog import Catalog
from gateway.upstream.breaker import BreakerState
from keyway.v1.provider_pb2 import PROVIDER_STATE_DEGRADED, PROVIDER_STATE_READY
from tests.support.fake_providers import FakeProvider


def received(states: ProviderStates, check: ProviderCheck) -> None:
    states.receive({"p": ProviderSnapshot({0: BreakerState.CLOSED, 1: BreakerState.CLOSED}, check=check)})


def is_closed(provider: FakeProvider) -> bool:
    return provider.breaker is BreakerState.CLOSED


def test_own_breaker_is_current_and_other_workers_are_as_reported() -> None:
    provider = FakeProvider("p")
    states = ProviderStates(Catalog([provider]), worker=1)
    states.receive({"p": ProviderSnapshot({0: BreakerState.HALF_OPEN, 1: BreakerState.CLOSED}, seconds=60)})
    provider.breaker = BreakerState.OPEN
    current = states.current(provider)
    assert (current.breakers, current.breaker, current.open_workers) == (
        {0: BreakerState.HALF_OPEN, 1: BreakerState.OPEN},
        BreakerState.OPEN,
        2,
    )
    assert current.seconds == 60


def test_successful_check_of_another_worker_closes_the_breaker_once() -> None:
    provider = FakeProvider("p")
    states = ProviderStates(Catalog([provider]), worker=1)
    provider.breaker = BreakerState.OPEN
    received(states, ProviderCheck(5, PROVIDER_STATE_DEGRADED, "PROVIDER_INTERNAL"))
    assert not is_closed(provider)
    good = ProviderCheck(6, PROVIDER_STATE_READY, "")
    received(states, good)
    assert is_closed(provider)
    assert states.current(provider).check == good
    provider.breaker = BreakerState.OPEN
    received(states, good)
    assert not is_closed(provider)


def test_own_check_is_newer_than_an_earlier_one_of_another_worker() -> None:
    provider = FakeProvider("p")
    states = ProviderStates(Catalog([provider]), worker=1)
    received(states, ProviderCheck(6, PROVIDER_STATE_READY, ""))
    states.checked("p", PROVIDER_STATE_DEGRADED, "PROVIDER_INTERNAL")
    check = states.current(provider).check
    assert check is not None
    assert (check.state, check.reason) == (PROVIDER_STATE_DEGRADED, "PROVIDER_INTERNAL")
    assert states.collect()["p"].check == check


def test_state_of_one_provider_costs_no_look_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    providers = [FakeProvider("p"), FakeProvider("q")]
    states = ProviderStates(Catalog(providers))
    providers[0].measured.ended("GET", 200, 0.1)
    monkeypatch.setattr(providers[1].measured, "counts", None)
    assert states.current(providers[0]).requests.total == 1
