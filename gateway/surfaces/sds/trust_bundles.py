"""Trust bundles: the authorities in a trust store, with their certificates from a file of the operator.

The upstream returns a description of each authority, but not its certificate. The gateway therefore takes the
certificates from a file, and sends those whose fingerprints are in the trust store.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from gateway.config.file_watcher import WatchedFiles
from gateway.config.problems import FileError
from gateway.contract.methods import METHODS_BY_OPERATION, Method
from gateway.surface_settings import TrustStoreSettings
from gateway.surfaces.sds.material import SecretMaterial, UnsendableError, trust_bundle_material
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as authorities

LIST_AUTHORITIES: Final = METHODS_BY_OPERATION["list_trusted_authorities"]
GET_AUTHORITY: Final = METHODS_BY_OPERATION["get_trusted_authority"]

CallMethod = Callable[[Method, Any], Awaitable[Any]]
"""Calls a method with a request, and returns the response."""

_log = structlog.get_logger(__name__)


class CertificatesFile:
    """The certificates of a trust store in the operator's file, read again when it changes. Raises FileError."""

    def __init__(self, settings: TrustStoreSettings) -> None:
        self._settings = settings
        self._watched = WatchedFiles([settings.certificates_file])
        self._found = _by_fingerprint(settings)

    def current(self) -> Mapping[str, str]:
        """Return the certificates by SHA-1 fingerprint. If a changed file is invalid, its last content stays in use."""
        if self._watched.changed():
            try:
                self._found = _by_fingerprint(self._settings)
            except FileError as error:
                self._watched.report_again()
                _log.warning("trust_bundle_file_rejected", error=str(error), effect="the last content stays in use")
        return self._found


class TrustBundles:
    """Loads trust bundles. settings: of each trust store, by its name. Raises FileError."""

    def __init__(self, settings: Mapping[str, TrustStoreSettings]) -> None:
        self._files = {store: CertificatesFile(each) for store, each in settings.items()}

    async def load(self, store: str, call: CallMethod) -> SecretMaterial:
        """Return the trust bundle of a trust store. Raises GatewayError and UnsendableError."""
        listed = await call(LIST_AUTHORITIES, service.ListTrustedAuthoritiesRequest(parent=store))
        file = self._files.get(store)
        if file is None:
            raise UnsendableError("trust_stores has no certificates_file for this trust store")
        known, found = file.current(), []
        for each in listed.authorities:
            shown = await call(GET_AUTHORITY, service.GetTrustedAuthorityRequest(name=each.name))
            certificate = known.get(_fingerprint(shown.authority))
            if certificate is None:
                _log.warning(
                    "authority_not_in_file", authority=each.name, effect="the trust bundle does not contain it"
                )
            else:
                found.append(certificate)
        if not found:
            raise UnsendableError("certificates_file contains no authority of the trust store")
        return trust_bundle_material(found)


def _by_fingerprint(settings: TrustStoreSettings) -> Mapping[str, str]:
    """Return the certificates in the file as PEM, by the only fingerprint that the upstream returns."""
    return {hashlib.sha1(each.encoded).hexdigest(): each.pem for each in settings.certificates()}  # noqa: S324


def _fingerprint(authority: authorities.TrustedAuthority) -> str:
    return authority.fingerprints.sha1.replace(":", "").lower()
