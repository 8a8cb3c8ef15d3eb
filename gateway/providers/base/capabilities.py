"""What a provider can do, as Protocols: the seam between the server and the adapters.

An adapter implements `Provider` and any of the capabilities below. Which contract methods it serves follows from its
methods alone: `upload_certificate` serves `keyway.v1.CertificateService/UploadCertificate`.
All requests were validated against the contract. Every method may raise `gateway.errors.GatewayError` and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gateway.call_context import CallContext
from gateway.errors import Outcome
from gateway.upstream.state import UpstreamState
from keyway.v1 import certificate_pb2 as certificate
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of a provider's status table: what the upstream says, and what it becomes."""

    upstream_code: str
    meaning: str
    outcome: Outcome


class Provider(Protocol):
    """One configured upstream. api_version is empty where the upstream has no versions."""

    @property
    def id(self) -> str:
        """The provider's segment in resource names."""

    @property
    def type(self) -> str:
        """The upstream's type, as the configuration spells it."""

    @property
    def api_version(self) -> str:
        """The version of the upstream's API that is spoken."""

    async def start(self) -> None:
        """Open what is needed in the running event loop; asks nothing of the upstream."""

    async def close(self) -> None:
        """Leave the upstream in order (log out) and close connections; never raises."""

    async def check(self, call: CallContext) -> None:
        """One live, harmless upstream call; GatewayError where it fails."""

    def status_rows(self) -> Sequence[StatusRow]:
        """Everything this upstream is known to answer, the shared HTTP rows included."""

    @property
    def upstream(self) -> UpstreamState:
        """How it stands with the upstream as of now, by what calls found."""


@dataclass(frozen=True, slots=True)
class ListWindow:
    """Rows `offset` to `offset + limit` of a listing, in the upstream's order. `limit` is 1 to 1,000."""

    offset: int
    limit: int
    state: certificates.CertificateStateFilter.ValueType


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """The rows of a window, and how many rows the whole listing has."""

    certificates: Sequence[certificate.Certificate]
    total: int


@runtime_checkable
class CertificateInventory(Protocol):
    """Find certificates."""

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage: ...

    async def get_certificate(
        self, request: certificates.GetCertificateRequest, call: CallContext
    ) -> certificates.GetCertificateResponse: ...

    async def check_certificate(
        self, request: certificates.CheckCertificateRequest, call: CallContext
    ) -> certificates.CheckCertificateResponse: ...


@runtime_checkable
class CertificateDownload(Protocol):
    """Hand out a certificate's file."""

    async def download_certificate(
        self, request: certificates.DownloadCertificateRequest, call: CallContext
    ) -> certificates.DownloadCertificateResponse: ...


@runtime_checkable
class CertificateUpload(Protocol):
    """Take a certificate's file."""

    async def upload_certificate(
        self, request: certificates.UploadCertificateRequest, call: CallContext
    ) -> certificates.UploadCertificateResponse: ...


@runtime_checkable
class KeystoreAdministration(Protocol):
    """Make, replace and remove a certificate with its key, and have it signed."""

    async def create_certificate(
        self, request: certificates.CreateCertificateRequest, call: CallContext
    ) -> certificates.CreateCertificateResponse: ...

    async def delete_certificate(
        self, request: certificates.DeleteCertificateRequest, call: CallContext
    ) -> certificates.DeleteCertificateResponse: ...

    async def import_certificate(
        self, request: certificates.ImportCertificateRequest, call: CallContext
    ) -> certificates.ImportCertificateResponse: ...

    async def get_certificate_signing_request(
        self, request: certificates.GetCertificateSigningRequestRequest, call: CallContext
    ) -> certificates.GetCertificateSigningRequestResponse: ...

    async def install_signed_certificate(
        self, request: certificates.InstallSignedCertificateRequest, call: CallContext
    ) -> certificates.InstallSignedCertificateResponse: ...


@runtime_checkable
class TrustStores(Protocol):
    """The authorities that an upstream trusts."""

    async def list_trusted_authorities(
        self, request: certificates.ListTrustedAuthoritiesRequest, call: CallContext
    ) -> certificates.ListTrustedAuthoritiesResponse: ...

    async def get_trusted_authority(
        self, request: certificates.GetTrustedAuthorityRequest, call: CallContext
    ) -> certificates.GetTrustedAuthorityResponse: ...

    async def import_trusted_authority(
        self, request: certificates.ImportTrustedAuthorityRequest, call: CallContext
    ) -> certificates.ImportTrustedAuthorityResponse: ...

    async def delete_trusted_authority(
        self, request: certificates.DeleteTrustedAuthorityRequest, call: CallContext
    ) -> certificates.DeleteTrustedAuthorityResponse: ...


@runtime_checkable
class KeyOperations(Protocol):
    """Use and read stored keys and secrets. Batches are the server's, made of single calls."""

    async def get_client_info(
        self, request: keys.GetClientInfoRequest, call: CallContext
    ) -> keys.GetClientInfoResponse: ...

    async def get_secret(self, request: keys.GetSecretRequest, call: CallContext) -> keys.GetSecretResponse: ...

    async def encrypt(self, request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse: ...

    async def decrypt(self, request: keys.DecryptRequest, call: CallContext) -> keys.DecryptResponse: ...

    async def generate_data_key(
        self, request: keys.GenerateDataKeyRequest, call: CallContext
    ) -> keys.GenerateDataKeyResponse: ...

    async def get_symmetric_key(
        self, request: keys.GetSymmetricKeyRequest, call: CallContext
    ) -> keys.GetSymmetricKeyResponse: ...

    async def sign(self, request: keys.SignRequest, call: CallContext) -> keys.SignResponse: ...

    async def verify(self, request: keys.VerifyRequest, call: CallContext) -> keys.VerifyResponse: ...

    async def get_private_key(
        self, request: keys.GetPrivateKeyRequest, call: CallContext
    ) -> keys.GetPrivateKeyResponse: ...

    async def get_public_key(
        self, request: keys.GetPublicKeyRequest, call: CallContext
    ) -> keys.GetPublicKeyResponse: ...


CAPABILITIES = (
    CertificateInventory,
    CertificateDownload,
    CertificateUpload,
    KeystoreAdministration,
    TrustStores,
    KeyOperations,
)
