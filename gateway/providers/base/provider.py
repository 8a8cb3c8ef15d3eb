"""The provider interface: the base class of every adapter.

An adapter is a subclass of `Provider` that overrides `check` and any of the methods of `Operations`. It serves exactly
the methods of the contract that it overrides: `upload_certificate` serves `CertificateService/UploadCertificate`.
All requests are already validated against the contract. Every method raises `gateway.errors.GatewayError` and no other
exception.
"""

import abc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from gateway.call_context import CallContext
from gateway.providers.base.notes import ProviderNotes
from gateway.providers.base.operations import Operations
from gateway.providers.base.settings import ProviderSettings
from gateway.providers.base.status_table import StatusTable
from gateway.telemetry.upstream_requests import UpstreamRequests
from gateway.upstream.client import HttpClient
from gateway.upstream.state import UpstreamState

OPERATIONS: Final = tuple(name for name in vars(Operations) if not name.startswith("_"))
"""The names of all operations that a provider can implement."""


class Provider(Operations, abc.ABC):
    """One configured upstream.

    id: the provider segment in resource names. type: the type in the configuration.
    status_table: every failure that the upstream can return.
    api_version: the version of the upstream's API; empty if the API has no versions.
    unavailable: operations that the adapter implements but this version of the API does not have.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        status_table: StatusTable,
        *,
        api_version: str = "",
        unavailable: frozenset[str] = frozenset(),
    ) -> None:
        self.id = settings.id
        self.type = settings.type
        self.api_version = api_version
        self.status_table = status_table
        self.unavailable = unavailable
        self.http = HttpClient(settings.id, settings.http())

    async def start(self) -> None:
        """Open the connection pool in the running event loop. Sends no request."""
        await self.http.start()

    async def close(self) -> None:
        """Log out if there is a session, and close all connections. Never raises."""
        await self.http.close()

    @abc.abstractmethod
    async def check(self, call: CallContext) -> None:
        """Make one harmless call of the upstream. Raises GatewayError if it fails."""

    def recovered(self) -> None:
        """Close the circuit breaker, because a health check in another process succeeded."""
        self.http.recovered()

    @property
    def requests(self) -> UpstreamRequests:
        """The measured requests to the upstream."""
        return self.http.requests

    @property
    def upstream(self) -> UpstreamState:
        """The current state of the connections to the upstream."""
        return self.http.state


def implemented_operations(adapter: Any) -> frozenset[str]:
    """Return the operations that an adapter class implements, in any version of the upstream API."""
    return frozenset(name for name in OPERATIONS if getattr(adapter, name) is not getattr(Operations, name))


def operations_of(provider: Provider) -> Mapping[str, Callable[..., Awaitable[Any]]]:
    """Return the operations that a provider serves, by name."""
    implemented = implemented_operations(type(provider))
    return {
        name: getattr(provider, name) for name in OPERATIONS if name in implemented and name not in provider.unavailable
    }


class ProviderType(NamedTuple):
    """One type of upstream.

    settings: the model of its settings. create: the adapter class, which creates a provider from its settings.
    notes: the facts about the upstream for docs/providers.md.
    """

    settings: type[ProviderSettings]
    create: Callable[[Any], Provider]
    notes: ProviderNotes
