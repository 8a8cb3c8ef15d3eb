"""ASTERIA Warp, module `certificate` of its management API: two certificates and two trust stores."""

from typing import Final

from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.notes import NOTES
from gateway.providers.asteria.settings import AsteriaSettings
from gateway.providers.base.provider import ProviderType

PROVIDER_TYPE: Final = ProviderType(AsteriaSettings, AsteriaProvider, NOTES)
