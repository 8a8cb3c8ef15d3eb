"""ASTERIA Warp, module `certificate` of its management API: the settings, and what makes a provider of them."""

from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.settings import AsteriaSettings
from gateway.providers.base.capabilities import Provider

SETTINGS = AsteriaSettings


def create(settings: AsteriaSettings) -> Provider:
    """The provider that these settings describe; it opens nothing before `start`."""
    return AsteriaProvider(settings)
