"""NHN Cloud Secure Key Manager, API v1.0 and the reported v1.1 to v1.3: keys and secrets."""

from typing import Final

from gateway.providers.base.provider import ProviderType
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from gateway.providers.nhn_secure_key_manager.notes import NOTES
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings

PROVIDER_TYPE: Final = ProviderType(SecureKeyManagerSettings, SecureKeyManager, NOTES)
