"""The catalog: the supported provider types, and the configured providers with the operations that they serve."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.contract.methods import BATCHES, METHODS, METHODS_BY_OPERATION
from gateway.contract.resource_names import PROVIDER
from gateway.errors import METHOD_NOT_SUPPORTED, PROVIDER_NOT_FOUND, GatewayError
from gateway.providers import asteria, nhn_certificate_manager, nhn_secure_key_manager
from gateway.providers.base.provider import Provider, ProviderType, implemented_operations, operations_of
from gateway.providers.base.settings import ProviderSettings
from gateway.providers.caching import ReadCache

PROVIDER_TYPES: Final[Mapping[str, ProviderType]] = {
    "nhn-certificate-manager": nhn_certificate_manager.PROVIDER_TYPE,
    "nhn-secure-key-manager": nhn_secure_key_manager.PROVIDER_TYPE,
    "asteria": asteria.PROVIDER_TYPE,
}
"""The supported types of upstreams, by the `type` in the configuration."""

WATCH: Final = "watch_certificates"

USED_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    **{method.operation: (method.operation,) for method in METHODS},
    **{batch: (item,) for batch, item in BATCHES.items()},
    WATCH: ("list_certificates", "download_certificate"),
}
"""The operations of a provider that each method uses. The gateway composes batches and streams of other operations."""

SETTINGS: Final = {name: provider_type.settings for name, provider_type in PROVIDER_TYPES.items()}


class Catalog:
    """The configured providers, in the order of the configuration. caches: the response caches by provider ID.

    unpolled: the IDs of the providers whose poller is disabled, so that their certificates cannot be watched.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        caches: Mapping[str, ReadCache] | None = None,
        unpolled: frozenset[str] = frozenset(),
    ) -> None:
        self._unpolled = unpolled
        self._providers = {provider.id: provider for provider in providers}
        self._operations = {provider.id: operations_of(provider) for provider in providers}
        self.caches: Final = dict(caches or {})
        for provider_id, cache in self.caches.items():
            self._operations[provider_id] = cache.wrap(self._operations[provider_id])

    @classmethod
    def of(cls, settings: Sequence[ProviderSettings]) -> "Catalog":
        """Create the providers of a configuration."""
        caches = {
            provider.id: ReadCache(provider.id, provider.cache, provider.timeout)
            for provider in settings
            if provider.cache is not None
        }
        unpolled = frozenset(provider.id for provider in settings if not provider.poller.enabled)
        return cls([PROVIDER_TYPES[provider.type].create(provider) for provider in settings], caches, unpolled)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def provider(self, provider_id: str) -> Provider:
        """Return the provider with this ID. Raises PROVIDER_NOT_FOUND."""
        provider = self._providers.get(provider_id)
        if provider is None:
            name = PROVIDER.format(provider=provider_id)
            raise GatewayError(PROVIDER_NOT_FOUND, f"{name} does not exist", resource=name)
        return provider

    def serves(self, provider: Provider, operation: str) -> bool:
        """Return whether the provider serves this operation.

        The gateway itself implements some operations with others. The provider must then serve all of those.
        """
        if operation == WATCH and provider.id in self._unpolled:
            return False
        served = self._operations[provider.id]
        return all(used in served for used in USED_OPERATIONS[operation])

    def operation(self, provider_id: str, operation: str) -> Callable[..., Awaitable[Any]]:
        """Return an operation of a provider. Raises METHOD_NOT_SUPPORTED if the provider does not serve it."""
        provider = self.provider(provider_id)
        found = self._operations[provider_id].get(operation)
        if found is None:
            raise self.unsupported(provider, operation)
        return found

    def unsupported(self, provider: Provider, operation: str) -> GatewayError:
        """Return the error of a call of an operation that a provider does not serve."""
        if operation == WATCH and provider.id in self._unpolled:
            message = f"providers/{provider.id} does not support WatchCertificates: its poller is disabled"
        else:
            message = _unsupported(provider, operation)
        return GatewayError(METHOD_NOT_SUPPORTED, message, metadata={"provider": provider.id})

    async def start(self) -> None:
        """Start every provider."""
        for provider in self:
            await provider.start()

    async def close(self) -> None:
        """Close all providers concurrently, because each can wait for an upstream that does not respond."""
        await asyncio.gather(*(provider.close() for provider in self))


def _unsupported(provider: Provider, operation: str) -> str:
    """Return the message for an unsupported operation. It names the versions or provider types that support it."""
    method = METHODS_BY_OPERATION[operation].name
    version = f" {provider.api_version}" if provider.api_version else ""
    message = f"providers/{provider.id} ({provider.type}{version}) does not support {method}"
    if operation in provider.unavailable:
        notes = PROVIDER_TYPES[provider.type].notes.notes
        return f"{message}: {' '.join(note.text for note in notes if note.applies_to == method)}"
    used = frozenset(USED_OPERATIONS[operation])
    types = [name for name, each in PROVIDER_TYPES.items() if used <= implemented_operations(each.create)]
    return f"{message}; provider types that support it: {', '.join(types)}"
