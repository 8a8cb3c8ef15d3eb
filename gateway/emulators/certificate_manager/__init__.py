"""Emulator of NHN Cloud Certificate Manager, API v1.0 to v1.3."""

from gateway.emulators.certificate_manager.emulator import CertificateManagerEmulator

__all__ = ["CertificateManagerEmulator"]
