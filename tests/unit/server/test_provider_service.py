"""ProviderService: lists, health checks, and status tables."""

import asyncio
import time
from typing import Any

import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.call_context import CallContext
from gateway.errors import ErrorKind, GatewayError, InvalidRequest, UpstreamError
from gateway.provider_states.states import ProviderStates
from gateway.providers.base.status_table import StatusRow, StatusTable
from gateway.providers.catalog import Catalog
from gateway.server.services.provider_service import ProviderDirectory
from gateway.upstream import outcomes
from gateway.upstream.breaker import BreakerState
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1 import provider_pb2
from keyway.v1 import provider_service_pb2 as service
from tests.support.fake_providers import FakeKeyStore, FakeProvider, Inventory
from tests.support.upstream_client import new_call

READY, DEGRADED = provider_pb2.PROVIDER_STATE_READY, provider_pb2.PROVIDER_STATE_DEGRADED
UNREACHABLE, UNKNOWN = provider_pb2.PROVIDER_STATE_UNREACHABLE, provider_pb2.PROVIDER_STATE_UNKNOWN
CIRCUIT_OPEN = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_CIRCUIT_OPEN, retryable=True)
PARTS_APART = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_INTERNAL_COMMUNICATION)
GET, CHECK = service.GetProviderRequest(name="providers/p"), service.CheckProviderRequest(name="providers/p")


def directory_of(providers: list[Any], check_seconds: float = 30) -> ProviderDirectory:
    catalog = Catalog(providers)
    return ProviderDirectory(catalog, check_seconds, ProviderStates(catalog))


@given(st.sets(st.text("abAB-가", min_size=1, max_size=4).filter(lambda text: text != "-")), st.integers(1, 4))
async def test_list_has_each_provider_once_sorted_by_id(ids: set[str], size: int) -> None:
    directory = directory_of([FakeProvider(provider) for provider in ids])
    listed: list[str] = []
    token = ""
    for _ in range(len(ids) + 1):
        request = service.ListProvidersRequest(page_size=size, page_token=token)
        answer = await directory.list_providers(request, new_call())
        assert len(answer.providers) <= size
        listed += [provider.name for provider in answer.providers]
        token = answer.next_page_token
        if not token:
            break
    assert not token
    assert listed == [f"providers/{provider}" for provider in sorted(ids)]


async def test_token_of_a_different_list_is_rejected() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await directory_of([]).list_providers(service.ListProvidersRequest(page_token="x"), new_call())
    assert caught.value.kind == errors.INVALID_PAGE_TOKEN


async def test_provider_lists_its_methods() -> None:
    directory = directory_of([FakeProvider("none"), Inventory("certs"), FakeKeyStore("store")])
    methods = {}
    for provider in ("none", "certs", "store"):
        request = service.GetProviderRequest(name=f"providers/{provider}")
        methods[provider] = list((await directory.get_provider(request, new_call())).provider.methods)
    assert methods["none"] == []
    assert methods["certs"] == [
        f"keyway.v1.CertificateService/{name}" for name in ("CheckCertificate", "GetCertificate", "ListCertificates")
    ]
    assert methods["store"] == [
        f"keyway.v1.KeyService/{name}" for name in ("BatchDecrypt", "BatchEncrypt", "Decrypt", "Encrypt")
    ]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (outcomes.UNREACHABLE, UNREACHABLE),
        (outcomes.CONNECTION_LOST, UNREACHABLE),
        (outcomes.TLS_FAILED, UNREACHABLE),
        (outcomes.TIMEOUT, UNREACHABLE),
        (CIRCUIT_OPEN, UNREACHABLE),
        (outcomes.UNAVAILABLE, DEGRADED),
        (PARTS_APART, DEGRADED),
        (outcomes.CREDENTIALS_REJECTED, DEGRADED),
        (outcomes.RATE_LIMITED, DEGRADED),
        (outcomes.INTERNAL, DEGRADED),
        (errors.MALFORMED_PROVIDER_RESPONSE, DEGRADED),
    ],
)
async def test_check_result_determines_the_state(
    outcome: ErrorKind, state: provider_pb2.ProviderState.ValueType
) -> None:
    provider = FakeProvider("p")
    directory = directory_of([provider])
    before = (await directory.get_provider(GET, new_call())).provider
    assert (before.state, before.HasField("check_time")) == (UNKNOWN, False)

    provider.check_error = UpstreamError(outcome, "failed", provider="p")
    failed = (await directory.check_provider(CHECK, new_call())).provider
    assert failed.state == state
    assert f"ERROR_REASON_{failed.state_reason}" == reasons.ErrorReason.Name(outcome.reason)
    assert failed.HasField("check_time")
    assert (await directory.get_provider(GET, new_call())).provider == failed

    provider.check_error = None
    good = (await directory.check_provider(CHECK, new_call())).provider
    assert (good.state, good.state_reason) == (READY, "")
    assert good.check_time.ToNanoseconds() >= failed.check_time.ToNanoseconds()


@pytest.mark.parametrize("breaker", [BreakerState.OPEN, BreakerState.HALF_OPEN])
async def test_open_breaker_makes_a_provider_unreachable_until_it_closes(breaker: BreakerState) -> None:
    provider = FakeProvider("p")
    directory = directory_of([provider])
    checked = (await directory.check_provider(CHECK, new_call())).provider
    provider.breaker = breaker
    current = (await directory.get_provider(GET, new_call())).provider
    assert (current.state, current.state_reason) == (UNREACHABLE, "PROVIDER_CIRCUIT_OPEN")
    assert current.check_time == checked.check_time
    assert (await directory.list_providers(service.ListProvidersRequest(), new_call())).providers == [current]
    provider.breaker = BreakerState.CLOSED
    assert (await directory.get_provider(GET, new_call())).provider == checked


class Gated(FakeProvider):
    """Its check waits for `gate`, and records its calls."""

    def __init__(self) -> None:
        super().__init__("p")
        self.calls: list[CallContext] = []
        self.started, self.gate = asyncio.Event(), asyncio.Event()

    async def check(self, call: CallContext) -> None:
        self.calls.append(call)
        self.started.set()
        await self.gate.wait()
        await super().check(call)


async def test_check_has_its_own_deadline() -> None:
    provider = Gated()
    provider.gate.set()
    before = time.monotonic()
    await directory_of([provider], check_seconds=20).check_provider(CHECK, new_call(seconds=0.03))
    assert before + 20 <= provider.calls[0].deadline <= time.monotonic() + 20
    assert provider.calls[0].probe


async def test_callers_share_a_check_that_outlives_them() -> None:
    provider = Gated()
    directory = directory_of([provider])
    checks = [asyncio.create_task(directory.check_provider(CHECK, new_call())) for _ in range(3)]
    await provider.started.wait()
    checks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await checks[0]
    assert (await directory.get_provider(GET, new_call())).provider.state == UNKNOWN

    provider.gate.set()
    assert [answer.provider.state for answer in await asyncio.gather(*checks[1:])] == [READY, READY]
    assert len(provider.calls) == 1

    provider.check_error = UpstreamError(outcomes.TIMEOUT, "slow", provider="p")
    assert (await directory.check_provider(CHECK, new_call())).provider.state == UNREACHABLE
    assert len(provider.calls) == 2


async def test_busy_provider_keeps_its_state() -> None:
    provider = FakeProvider("p")
    provider.check_error = UpstreamError(outcomes.BUSY, "all its connections are in use", provider="p")
    directory = directory_of([provider])
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await directory.check_provider(CHECK, new_call())
        assert caught.value.kind == outcomes.BUSY
    assert (await directory.get_provider(GET, new_call())).provider.state == UNKNOWN


async def test_status_row_is_retryable_if_every_method_can_retry() -> None:
    provider = FakeProvider("p")
    provider.status_table = StatusTable(
        [StatusRow("w", "too often", outcomes.RATE_LIMITED), StatusRow("x", "y", outcomes.UNAVAILABLE)]
    )
    answer = await directory_of([provider]).list_status_mappings(
        service.ListStatusMappingsRequest(name="providers/p"), new_call()
    )
    assert [
        (row.upstream_code, row.upstream_meaning, row.code, row.reason, row.retryable) for row in answer.mappings[:2]
    ] == [
        ("w", "too often", code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_PROVIDER_RATE_LIMITED, True),
        ("x", "y", code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNAVAILABLE, False),
    ]


async def test_unknown_provider_is_not_found() -> None:
    directory = directory_of([])
    with pytest.raises(GatewayError) as caught:
        await directory.get_provider(service.GetProviderRequest(name="providers/p"), new_call())
    assert (caught.value.kind, caught.value.resource) == (errors.PROVIDER_NOT_FOUND, "providers/p")
