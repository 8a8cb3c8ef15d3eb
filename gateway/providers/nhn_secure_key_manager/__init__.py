"""The adapter of NHN Cloud Secure Key Manager: API v1.0 and the reported v1.1 to v1.3.

Exports what the catalog needs: the settings class and how a provider is made of them.
"""

from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager, create
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings

SETTINGS = SecureKeyManagerSettings

__all__ = ["SETTINGS", "SecureKeyManager", "create"]
