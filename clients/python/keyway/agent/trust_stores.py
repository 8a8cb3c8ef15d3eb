"""The authorities of a trust store at the provider, as certificates.

Providers describe the authorities in a trust store, and return their fingerprints, but not their certificates. The
certificates therefore come from a file of the operator: those whose fingerprints are in the trust store are used.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keyway.agent.material import MaterialError
from keyway.agent.settings import TrustStoreSource
from keyway.services import AsyncCertificateService
from keyway.v1.certificate_service_pb2 import GetTrustedAuthorityRequest, ListTrustedAuthoritiesRequest

_log: Final = logging.getLogger("keyway.agent")


class TrustStoreReader:
    """Reads trust stores through the gateway."""

    def __init__(self, certificates: AsyncCertificateService) -> None:
        self._certificates = certificates
        self._missing: dict[TrustStoreSource, Sequence[str]] = {}

    async def authorities(self, source: TrustStoreSource) -> Sequence[x509.Certificate]:
        """Return the certificates of the authorities, in an order that depends only on them.

        Raises KeywayError, MaterialError, and OSError for the file.
        """
        known = _by_fingerprint(source.certificates_file)
        found, missing = {}, []
        request = ListTrustedAuthoritiesRequest(parent=source.name)
        for each in (await self._certificates.list_trusted_authorities(request)).authorities:
            shown = await self._certificates.get_trusted_authority(GetTrustedAuthorityRequest(name=each.name))
            fingerprint = shown.authority.fingerprints.sha1.replace(":", "").lower()
            if fingerprint in known:
                found[fingerprint] = known[fingerprint]
            else:
                missing.append(each.name)
        self._log_missing(source, missing)
        if not found:
            raise MaterialError(f"{source.certificates_file} contains no authority of {source.name}")
        return [found[fingerprint] for fingerprint in sorted(found)]

    def _log_missing(self, source: TrustStoreSource, missing: Sequence[str]) -> None:
        """Log the authorities that are not in the file, if they have changed."""
        if missing and missing != self._missing.get(source):
            _log.warning(
                "%s does not contain these authorities, so the trust bundle does not contain them either: %s",
                source.certificates_file,
                ", ".join(missing),
            )
        self._missing[source] = missing


def _by_fingerprint(file: Path) -> Mapping[str, x509.Certificate]:
    """Return the certificates in a file by the only fingerprint that providers return."""
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError:
        raise MaterialError(f"{file}: not a file of PEM certificates") from None
    return {hashlib.sha1(each.public_bytes(Encoding.DER)).hexdigest(): each for each in certificates}  # noqa: S324
