"""ProviderService: the configured providers, their methods, their health, and their status tables."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.contract.resource_names import PROVIDER, provider_id
from gateway.errors import UpstreamError, reason_name
from gateway.provider_states.reports import ProviderSnapshot
from gateway.provider_states.states import ProviderStates
from gateway.providers.base.provider import Provider
from gateway.providers.catalog import Catalog
from gateway.server.error_boundary import within_boundary
from gateway.server.method_handler import Operation
from gateway.server.services import paging
from gateway.server.services.paging import PagePosition
from gateway.server.services.provider_state import activity, circuit_breaker
from gateway.upstream.breaker import BreakerState
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1 import provider_pb2, status_mapping_pb2
from keyway.v1 import provider_service_pb2 as service

_LISTING: Final = "providers"
_UNREACHABLE: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_UNREACHABLE,
        reasons.ERROR_REASON_PROVIDER_CONNECTION_LOST,
        reasons.ERROR_REASON_PROVIDER_TLS_FAILED,
        reasons.ERROR_REASON_PROVIDER_TIMEOUT,
        reasons.ERROR_REASON_PROVIDER_CIRCUIT_OPEN,
    }
)


class ProviderDirectory:
    """The providers as callers see them, with the result of the latest health check of each.

    check_seconds: the timeout of a health check. states: the state of each provider over all workers.
    """

    def __init__(self, catalog: Catalog, check_seconds: float, states: ProviderStates) -> None:
        self._catalog = catalog
        self._check_seconds = check_seconds
        self._states = states
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._providers = {provider.id: self._describe(provider) for provider in catalog}

    async def list_providers(
        self, request: service.ListProvidersRequest, call: CallContext
    ) -> service.ListProvidersResponse:
        """Return one page of the providers that the caller may list, sorted by id."""
        position = paging.ROWS.decode(request.page_token, _LISTING)
        ids = sorted(self._providers if call.providers is None else self._providers.keys() & call.providers)
        if position is not None:
            ids = [provider for provider in ids if provider > position.provider]
        size = request.page_size or paging.DEFAULT_PAGE_SIZE
        token = paging.ROWS.encode(PagePosition(ids[size - 1], 0, 0), _LISTING) if len(ids) > size else ""
        return service.ListProvidersResponse(
            providers=[self._current(self._catalog.provider(each)) for each in ids[:size]], next_page_token=token
        )

    async def get_provider(
        self, request: service.GetProviderRequest, _call: CallContext
    ) -> service.GetProviderResponse:
        """Return one provider, with the state from its latest check or from later calls."""
        return service.GetProviderResponse(provider=self._current(self._provider(request.name)))

    async def check_provider(
        self, request: service.CheckProviderRequest, call: CallContext
    ) -> service.CheckProviderResponse:
        """Check one provider with a live call, and return it. A failed check is a result, not an error.

        Concurrent callers share one check, so the deadline of a caller does not limit it.
        """
        provider = self._provider(request.name)
        check = self._checks.get(provider.id)
        if check is None:
            check = self._checks[provider.id] = asyncio.create_task(self._check(provider, call))
        await asyncio.shield(check)
        return service.CheckProviderResponse(provider=self._described(provider, self._states.current(provider)))

    async def _check(self, provider: Provider, starter: CallContext) -> None:
        call = starter.shared(time.monotonic() + self._check_seconds, probe=True)
        try:
            state, reason = await _state_of(provider, call)
        finally:
            del self._checks[provider.id]
        self._states.checked(provider.id, state, reason)

    async def list_status_mappings(
        self, request: service.ListStatusMappingsRequest, _call: CallContext
    ) -> service.ListStatusMappingsResponse:
        """Return the status table of a provider."""
        rows = self._provider(request.name).status_table.rows
        return service.ListStatusMappingsResponse(
            mappings=[
                status_mapping_pb2.StatusMapping(
                    upstream_code=row.upstream_code,
                    upstream_meaning=row.meaning,
                    code=row.kind.code,
                    reason=row.kind.reason,
                    retryable=row.kind.retryable,
                )
                for row in rows
            ]
        )

    def _current(self, provider: Provider) -> provider_pb2.Provider:
        """Return a provider with the state from its latest check; unreachable if a circuit breaker is open."""
        snapshot = self._states.current(provider)
        message = self._described(provider, snapshot)
        if snapshot.breaker is not BreakerState.CLOSED:
            message.state = provider_pb2.PROVIDER_STATE_UNREACHABLE
            message.state_reason = reason_name(reasons.ERROR_REASON_PROVIDER_CIRCUIT_OPEN)
        return message

    def _described(self, provider: Provider, snapshot: ProviderSnapshot) -> provider_pb2.Provider:
        """Return a provider with the state from its latest check."""
        message = provider_pb2.Provider()
        message.CopyFrom(self._providers[provider.id])
        if snapshot.check is not None:
            message.state, message.state_reason = snapshot.check.state, snapshot.check.reason
            message.check_time.FromNanoseconds(snapshot.check.ended_at)
        message.circuit_breaker.CopyFrom(circuit_breaker(snapshot))
        message.activity.CopyFrom(activity(snapshot))
        return message

    def _provider(self, name: str) -> Provider:
        return self._catalog.provider(provider_id(name))

    def _describe(self, provider: Provider) -> provider_pb2.Provider:
        served = [method.full_name for method in METHODS if self._catalog.serves(provider, method.operation)]
        return provider_pb2.Provider(
            name=PROVIDER.format(provider=provider.id),
            type=provider.type,
            api_version=provider.api_version,
            methods=sorted(served),
            state=provider_pb2.PROVIDER_STATE_UNKNOWN,
        )


async def _state_of(provider: Provider, call: CallContext) -> tuple[provider_pb2.ProviderState.ValueType, str]:
    try:
        await within_boundary(provider.check(call), call)
    except UpstreamError as error:
        if error.kind.reason == reasons.ERROR_REASON_PROVIDER_BUSY:
            raise  # The gateway did not contact the provider, so its state is unknown.
        gone = error.kind.reason in _UNREACHABLE
        state = provider_pb2.PROVIDER_STATE_UNREACHABLE if gone else provider_pb2.PROVIDER_STATE_DEGRADED
        return state, reason_name(error.kind.reason)
    return provider_pb2.PROVIDER_STATE_READY, ""


def operations(catalog: Catalog, check_seconds: float, states: ProviderStates) -> Mapping[str, Operation]:
    """Return the operations of the service, by name. The arguments are those of `ProviderDirectory`."""
    directory = ProviderDirectory(catalog, check_seconds, states)
    table: dict[str, Any] = {
        "list_providers": directory.list_providers,
        "get_provider": directory.get_provider,
        "check_provider": directory.check_provider,
        "list_status_mappings": directory.list_status_mappings,
    }
    return table
