"""The reader of watched certificates: downloads each one, and determines the version of its content.

A private key in a file ends with the download. The state of a certificate has only public data.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from gateway.errors import CERTIFICATE_NOT_FOUND, MALFORMED_PROVIDER_RESPONSE, GatewayError, reason_name
from gateway.providers.base import x509
from gateway.providers.base.errors import FormatError
from gateway.providers.base.settings import PollerSettings
from gateway.watch.states import REMOVED, CertificateState, Phase, content_version
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1.certificate_pb2 import Certificate

_CONCURRENT_DOWNLOADS: Final = 8
_DAY_SECONDS: Final = 86_400.0


class DownloadCalls(Protocol):
    """The calls of the reader. They raise GatewayError."""

    async def download(self, request: service.DownloadCertificateRequest) -> service.DownloadCertificateResponse:
        """Return a certificate with its chain, without its private key."""


class CertificateReader:
    """Reads the states of certificates of one provider. timezone: of its dates."""

    def __init__(self, settings: PollerSettings, calls: DownloadCalls, timezone: ZoneInfo) -> None:
        self._settings = settings
        self._calls = calls
        self._timezone = timezone
        self._slots = asyncio.Semaphore(_CONCURRENT_DOWNLOADS)

    async def read(self, listed: Mapping[str, Certificate]) -> dict[str, CertificateState]:
        """Return the state of each certificate. listed: the certificates, as in the list of the provider."""
        states = await asyncio.gather(*(self._read(certificate) for certificate in listed.values()))
        return dict(zip(listed, states, strict=True))

    async def _read(self, listed: Certificate) -> CertificateState:
        password = self._settings.keystore_passwords.get(listed.name.rpartition("/")[2])
        request = service.DownloadCertificateRequest(
            name=listed.name, keystore_password=password.get_secret_value() if password is not None else ""
        )
        async with self._slots:
            try:
                return self._state(listed, (await self._calls.download(request)).certificate_chain)
            except FormatError:
                return CertificateState(Phase.UNREADABLE, reason=reason_name(MALFORMED_PROVIDER_RESPONSE.reason))
            except GatewayError as error:
                if error.kind is CERTIFICATE_NOT_FOUND:
                    return REMOVED
                return CertificateState(Phase.UNREADABLE, reason=reason_name(error.kind.reason))

    def _state(self, listed: Certificate, chain_pem: Iterable[str]) -> CertificateState:
        chain = x509.read_certificates("".join(chain_pem).encode())
        certificate = Certificate()
        certificate.CopyFrom(listed)
        x509.fill_certificate(certificate, chain, self._timezone)
        version = content_version(each.encoded for each in chain)
        return CertificateState(self._phase(certificate), version, certificate=certificate.SerializeToString())

    def _phase(self, certificate: Certificate) -> Phase:
        if not certificate.HasField("not_after"):
            return Phase.VALID
        left = certificate.not_after.seconds - time.time()
        if left < 0:
            return Phase.EXPIRED
        return Phase.EXPIRING if left < self._settings.expiring_days * _DAY_SECONDS else Phase.VALID
