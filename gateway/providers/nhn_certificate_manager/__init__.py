"""NHN Cloud Certificate Manager, API v1.0 to v1.3: certificate files that NHN Cloud keeps and hands out."""

from gateway.providers.nhn_certificate_manager.adapter import create
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings

SETTINGS = CertificateManagerSettings

__all__ = ["SETTINGS", "create"]
