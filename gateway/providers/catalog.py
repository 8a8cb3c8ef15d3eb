"""The explicit catalog: the types of upstream that there are, and the configured providers with what they serve."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.contract.resource_names import PROVIDER
from gateway.errors import METHOD_NOT_SUPPORTED, PROVIDER_NOT_FOUND, GatewayError
from gateway.providers import asteria, nhn_certificate_manager, nhn_secure_key_manager
from gateway.providers.base.capabilities import CAPABILITIES, Provider
from gateway.providers.base.settings import ProviderSettings
from gateway.providers.caching import ReadCache


class ProviderType(NamedTuple):
    """One type of upstream: its settings, and what makes a provider of them."""

    settings: type[ProviderSettings]
    create: Callable[[Any], Provider]


PROVIDER_TYPES: Final[Mapping[str, ProviderType]] = {
    "nhn-certificate-manager": ProviderType(nhn_certificate_manager.SETTINGS, nhn_certificate_manager.create),
    "nhn-secure-key-manager": ProviderType(nhn_secure_key_manager.SETTINGS, nhn_secure_key_manager.create),
    "asteria": ProviderType(asteria.SETTINGS, asteria.create),
}

SETTINGS: Final = {name: provider_type.settings for name, provider_type in PROVIDER_TYPES.items()}


def operations_of(provider: Provider) -> Mapping[str, Callable[..., Awaitable[Any]]]:
    """What a provider serves, by name: the methods of every capability that it has."""
    return {
        name: getattr(provider, name)
        for capability in CAPABILITIES
        if isinstance(provider, capability)
        for name in vars(capability)
        if not name.startswith("_")
    }


class Catalog:
    """The configured providers, in the order of the configuration. caches: by provider, where answers are kept."""

    def __init__(self, providers: Sequence[Provider], caches: Mapping[str, ReadCache] | None = None) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self._operations = {provider.id: operations_of(provider) for provider in providers}
        self.caches: Final = dict(caches or {})
        for provider_id, cache in self.caches.items():
            self._operations[provider_id] = cache.wrap(self._operations[provider_id])

    @classmethod
    def of(cls, settings: Sequence[ProviderSettings]) -> "Catalog":
        """The providers that these settings describe."""
        caches = {
            provider.id: ReadCache(provider.id, provider.cache, provider.timeout)
            for provider in settings
            if provider.cache is not None
        }
        return cls([PROVIDER_TYPES[provider.type].create(provider) for provider in settings], caches)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def provider(self, provider_id: str) -> Provider:
        """The provider with this id; PROVIDER_NOT_FOUND where there is none."""
        provider = self._providers.get(provider_id)
        if provider is None:
            name = PROVIDER.format(provider=provider_id)
            raise GatewayError(PROVIDER_NOT_FOUND, f"there is no {name}", resource=name)
        return provider

    def serves(self, provider: Provider, operation: str) -> bool:
        """Whether the provider has this operation."""
        return operation in self._operations[provider.id]

    def operation(self, provider_id: str, operation: str) -> Callable[..., Awaitable[Any]]:
        """A provider's operation; METHOD_NOT_SUPPORTED_BY_PROVIDER where it has none of that name."""
        provider = self.provider(provider_id)
        found = self._operations[provider_id].get(operation)
        if found is None:
            version = f" {provider.api_version}" if provider.api_version else ""
            raise GatewayError(
                METHOD_NOT_SUPPORTED,
                f"providers/{provider_id} ({provider.type}{version}) does not serve this method",
                metadata={"provider": provider_id},
            )
        return found

    async def start(self) -> None:
        """Start every provider."""
        for provider in self:
            await provider.start()

    async def close(self) -> None:
        """Close every provider, all at once: each may wait a while for an upstream that hangs."""
        await asyncio.gather(*(provider.close() for provider in self))
