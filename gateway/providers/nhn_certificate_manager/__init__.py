"""NHN Cloud Certificate Manager, API v1.0 to v1.3: certificate files that NHN Cloud stores and returns."""

from typing import Final

from gateway.providers.base.provider import ProviderType
from gateway.providers.nhn_certificate_manager.adapter import CertificateManager
from gateway.providers.nhn_certificate_manager.notes import NOTES
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings

PROVIDER_TYPE: Final = ProviderType(CertificateManagerSettings, CertificateManager, NOTES)
