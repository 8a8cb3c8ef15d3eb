"""Where certificates come from: the downloads of a gateway."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from keyway.agent.material import Material, MaterialError, certificates_of, key_of
from keyway.agent.outputs import first_line
from keyway.agent.settings import ManagedCertificate
from keyway.agent.trust_stores import TrustStoreReader
from keyway.aio import Client
from keyway.v1.certificate_service_pb2 import DownloadCertificateRequest, DownloadCertificateResponse


class CertificateSource(Protocol):
    """Delivers certificates. Its methods raise KeywayError, MaterialError, or OSError for a password file."""

    async def public(self, managed: ManagedCertificate) -> Material:
        """Return the certificates without the private key."""

    async def complete(self, managed: ManagedCertificate) -> Material:
        """Return the certificates, and the private key if a file needs it."""


class GatewaySource:
    """Downloads from a gateway. It requests the private key only for an installation."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._trust_stores = TrustStoreReader(client.certificates)

    async def public(self, managed: ManagedCertificate) -> Material:
        """Return the certificates without the private key."""
        return await self._material(managed, private=False)

    async def complete(self, managed: ManagedCertificate) -> Material:
        """Return the certificates, and the private key if a file needs it."""
        return await self._material(managed, private=managed.needs_key)

    async def _material(self, managed: ManagedCertificate, *, private: bool) -> Material:
        own = await self._download(managed.certificate, managed.password_file, private=private)
        chain = certificates_of(own.certificate_chain, managed.certificate)
        authorities = [
            each
            for name in managed.authorities
            for each in certificates_of(await self._chain(name), name)
        ]  # fmt: skip
        if managed.trust_store is not None:
            authorities += await self._trust_stores.authorities(managed.trust_store)
        key = None
        if private:
            file = managed.private_key_password_file
            key = key_of(own.private_key_pem, None if file is None else first_line(file))
        return Material(chain, tuple(authorities), key)

    async def _chain(self, name: str) -> Sequence[str]:
        return (await self._download(name, None, private=False)).certificate_chain

    async def _download(self, name: str, password: Path | None, *, private: bool) -> DownloadCertificateResponse:
        request = DownloadCertificateRequest(name=name, include_private_key=private)
        if password is not None:
            request.keystore_password = _text_in(password)
        return await self._client.certificates.download_certificate(request)


def _text_in(file: Path) -> str:
    try:
        return first_line(file).decode()
    except UnicodeDecodeError:
        raise MaterialError(f"{file}: the password is not UTF-8") from None
