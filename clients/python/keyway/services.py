"""Services with one typed method per call, sync and asyncio. Generated from protos/ by `make generate`; do not edit.

A method in snake case (`encrypt`) takes the fields of the request as keywords, or one request: a message or a mapping.
A method in camel case (`Encrypt`) is the method of the gRPC stub.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Unpack, cast, overload

import grpc
import grpc.aio

from keyway.methods import AsyncCall, AsyncMethod, CallOptions, Method, call
from keyway.v1.certificate_pb2 import (
    DistinguishedName,
)
from keyway.v1.certificate_service_pb2 import (
    CheckCertificateRequest,
    CheckCertificateResponse,
    CreateCertificateRequest,
    CreateCertificateResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    DeleteTrustedAuthorityRequest,
    DeleteTrustedAuthorityResponse,
    DownloadCertificateRequest,
    DownloadCertificateResponse,
    GetCertificateRequest,
    GetCertificateResponse,
    GetCertificateSigningRequestRequest,
    GetCertificateSigningRequestResponse,
    GetTrustedAuthorityRequest,
    GetTrustedAuthorityResponse,
    ImportCertificateRequest,
    ImportCertificateResponse,
    ImportTrustedAuthorityRequest,
    ImportTrustedAuthorityResponse,
    InstallSignedCertificateRequest,
    InstallSignedCertificateResponse,
    ListCertificatesRequest,
    ListCertificatesResponse,
    ListTrustedAuthoritiesRequest,
    ListTrustedAuthoritiesResponse,
    UploadCertificateRequest,
    UploadCertificateResponse,
)
from keyway.v1.certificate_service_pb2_grpc import (
    CertificateServiceStub,
)
from keyway.v1.key_service_pb2 import (
    BatchDecryptRequest,
    BatchDecryptResponse,
    BatchEncryptRequest,
    BatchEncryptResponse,
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    GenerateDataKeyRequest,
    GenerateDataKeyResponse,
    GetClientInfoRequest,
    GetClientInfoResponse,
    GetPrivateKeyRequest,
    GetPrivateKeyResponse,
    GetPublicKeyRequest,
    GetPublicKeyResponse,
    GetSecretRequest,
    GetSecretResponse,
    GetSymmetricKeyRequest,
    GetSymmetricKeyResponse,
    SignRequest,
    SignResponse,
    VerifyRequest,
    VerifyResponse,
)
from keyway.v1.key_service_pb2_grpc import (
    KeyServiceStub,
)
from keyway.v1.provider_service_pb2 import (
    CheckProviderRequest,
    CheckProviderResponse,
    GetProviderRequest,
    GetProviderResponse,
    ListProvidersRequest,
    ListProvidersResponse,
    ListStatusMappingsRequest,
    ListStatusMappingsResponse,
)
from keyway.v1.provider_service_pb2_grpc import (
    ProviderServiceStub,
)


class CertificateService:
    """Certificates of every provider."""

    def __init__(self, channel: grpc.Channel) -> None:
        stub = cast("Any", CertificateServiceStub(channel))
        self.ListCertificates: Method[ListCertificatesRequest, ListCertificatesResponse] = stub.ListCertificates
        self.GetCertificate: Method[GetCertificateRequest, GetCertificateResponse] = stub.GetCertificate
        self.CheckCertificate: Method[CheckCertificateRequest, CheckCertificateResponse] = stub.CheckCertificate
        self.CreateCertificate: Method[CreateCertificateRequest, CreateCertificateResponse] = stub.CreateCertificate
        self.DeleteCertificate: Method[DeleteCertificateRequest, DeleteCertificateResponse] = stub.DeleteCertificate
        self.UploadCertificate: Method[UploadCertificateRequest, UploadCertificateResponse] = stub.UploadCertificate
        self.DownloadCertificate: Method[DownloadCertificateRequest, DownloadCertificateResponse] = stub.DownloadCertificate
        self.ImportCertificate: Method[ImportCertificateRequest, ImportCertificateResponse] = stub.ImportCertificate
        self.GetCertificateSigningRequest: Method[GetCertificateSigningRequestRequest, GetCertificateSigningRequestResponse] = stub.GetCertificateSigningRequest
        self.InstallSignedCertificate: Method[InstallSignedCertificateRequest, InstallSignedCertificateResponse] = stub.InstallSignedCertificate
        self.ListTrustedAuthorities: Method[ListTrustedAuthoritiesRequest, ListTrustedAuthoritiesResponse] = stub.ListTrustedAuthorities
        self.GetTrustedAuthority: Method[GetTrustedAuthorityRequest, GetTrustedAuthorityResponse] = stub.GetTrustedAuthority
        self.ImportTrustedAuthority: Method[ImportTrustedAuthorityRequest, ImportTrustedAuthorityResponse] = stub.ImportTrustedAuthority
        self.DeleteTrustedAuthority: Method[DeleteTrustedAuthorityRequest, DeleteTrustedAuthorityResponse] = stub.DeleteTrustedAuthority

    @overload
    def list_certificates(self, request: ListCertificatesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListCertificatesResponse: ...
    @overload
    def list_certificates(
        self,
        *,
        parent: str,
        page_size: int | None = None,
        page_token: str | None = None,
        state: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> ListCertificatesResponse: ...
    def list_certificates(self, *request: Any, **arguments: Any) -> ListCertificatesResponse:
        """Lists certificates, ordered by provider, then as the provider lists them.

        Fields:
            parent: `providers/{provider}`, or `providers/-` for every provider that has certificates and that
                the caller may list.
            page_size: How many certificates a page may have.
            page_token: `next_page_token` of the page before; empty for the first.
            state: Which certificates.
        """
        return call(self.ListCertificates, ListCertificatesRequest, request, arguments)

    @overload
    def get_certificate(self, request: GetCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetCertificateResponse: ...
    @overload
    def get_certificate(
        self,
        *,
        name: str,
        view: int | str | None = None,
        keystore_password: str | None = None,
        **options: Unpack[CallOptions],
    ) -> GetCertificateResponse: ...
    def get_certificate(self, *request: Any, **arguments: Any) -> GetCertificateResponse:
        """Returns one certificate, expired or not.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            view: How much.
            keystore_password: The key store's password.
        """
        return call(self.GetCertificate, GetCertificateRequest, request, arguments)

    @overload
    def check_certificate(self, request: CheckCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> CheckCertificateResponse: ...
    @overload
    def check_certificate(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> CheckCertificateResponse: ...
    def check_certificate(self, *request: Any, **arguments: Any) -> CheckCertificateResponse:
        """Says whether a certificate exists, expired or not, without a password.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
        """
        return call(self.CheckCertificate, CheckCertificateRequest, request, arguments)

    @overload
    def create_certificate(self, request: CreateCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> CreateCertificateResponse: ...
    @overload
    def create_certificate(
        self,
        *,
        parent: str,
        certificate_id: str,
        subject: DistinguishedName | Mapping[str, Any],
        key_algorithm: str | None = None,
        key_size: int | None = None,
        validity_days: int | None = None,
        signature_algorithm: str | None = None,
        keystore_password: str,
        private_key_password: str,
        replace: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> CreateCertificateResponse: ...
    def create_certificate(self, *request: Any, **arguments: Any) -> CreateCertificateResponse:
        """Makes a key pair, a self-signed certificate and a signing request for it.

        Fields:
            parent: `providers/{provider}`.
            certificate_id: The last segment of the new certificate's name.
            subject: Whom the certificate is for.
            key_algorithm: The key's algorithm, passed on as it is, at most 128 bytes.
            key_size: The key's size in bits, at most 16,384.
            validity_days: For how many days it is valid, from now, at most 36,500.
            signature_algorithm: The signature algorithm, passed on as it is, at most 128 bytes.
            keystore_password: The password that the key store gets.
            private_key_password: The password that the private key gets.
            replace: Whether a certificate that exists may be replaced, its key with it.
        """
        return call(self.CreateCertificate, CreateCertificateRequest, request, arguments)

    @overload
    def delete_certificate(self, request: DeleteCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> DeleteCertificateResponse: ...
    @overload
    def delete_certificate(
        self,
        *,
        name: str,
        keystore_password: str,
        **options: Unpack[CallOptions],
    ) -> DeleteCertificateResponse: ...
    def delete_certificate(self, *request: Any, **arguments: Any) -> DeleteCertificateResponse:
        """Deletes a certificate with its key and signing request.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore_password: The key store's password.
        """
        return call(self.DeleteCertificate, DeleteCertificateRequest, request, arguments)

    @overload
    def upload_certificate(self, request: UploadCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> UploadCertificateResponse: ...
    @overload
    def upload_certificate(
        self,
        *,
        name: str,
        content: bytes,
        filename: str | None = None,
        **options: Unpack[CallOptions],
    ) -> UploadCertificateResponse: ...
    def upload_certificate(self, *request: Any, **arguments: Any) -> UploadCertificateResponse:
        """Uploads the file of a certificate that is registered; a file that is there is replaced.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`, a certificate that is registered.
            content: The file.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
        """
        return call(self.UploadCertificate, UploadCertificateRequest, request, arguments)

    @overload
    def download_certificate(self, request: DownloadCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> DownloadCertificateResponse: ...
    @overload
    def download_certificate(
        self,
        *,
        name: str,
        format: int | str | None = None,
        include_private_key: bool | None = None,
        keystore_password: str | None = None,
        **options: Unpack[CallOptions],
    ) -> DownloadCertificateResponse: ...
    def download_certificate(self, *request: Any, **arguments: Any) -> DownloadCertificateResponse:
        """Downloads a certificate with its chain and, where asked and allowed, its private key.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            format: The format of `content`.
            include_private_key: Whether to return the private key too.
            keystore_password: The key store's password.
        """
        return call(self.DownloadCertificate, DownloadCertificateRequest, request, arguments)

    @overload
    def import_certificate(self, request: ImportCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ImportCertificateResponse: ...
    @overload
    def import_certificate(
        self,
        *,
        name: str,
        keystore: bytes,
        filename: str | None = None,
        file_password: str | None = None,
        keystore_password: str,
        private_key_password: str,
        replace: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> ImportCertificateResponse: ...
    def import_certificate(self, *request: Any, **arguments: Any) -> ImportCertificateResponse:
        """Stores a certificate and its private key from a key store file.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore: The file.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
            file_password: The password that opens the file.
            keystore_password: The password that the provider's key store gets.
            private_key_password: The password that the private key gets.
            replace: Whether a certificate that exists may be replaced, its key with it.
        """
        return call(self.ImportCertificate, ImportCertificateRequest, request, arguments)

    @overload
    def get_certificate_signing_request(self, request: GetCertificateSigningRequestRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetCertificateSigningRequestResponse: ...
    @overload
    def get_certificate_signing_request(
        self,
        *,
        name: str,
        keystore_password: str,
        private_key_password: str,
        **options: Unpack[CallOptions],
    ) -> GetCertificateSigningRequestResponse: ...
    def get_certificate_signing_request(self, *request: Any, **arguments: Any) -> GetCertificateSigningRequestResponse:
        """Returns the signing request of a certificate, to be sent to an authority.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore_password: The key store's password.
            private_key_password: The private key's password.
        """
        return call(self.GetCertificateSigningRequest, GetCertificateSigningRequestRequest, request, arguments)

    @overload
    def install_signed_certificate(self, request: InstallSignedCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> InstallSignedCertificateResponse: ...
    @overload
    def install_signed_certificate(
        self,
        *,
        name: str,
        certificate: bytes,
        certificate_filename: str | None = None,
        chain: bytes | None = None,
        chain_filename: str | None = None,
        keystore_password: str,
        private_key_password: str,
        **options: Unpack[CallOptions],
    ) -> InstallSignedCertificateResponse: ...
    def install_signed_certificate(self, *request: Any, **arguments: Any) -> InstallSignedCertificateResponse:
        """Puts the certificate that an authority signed in the place of the self-signed one.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            certificate: The signed certificate.
            certificate_filename: That file's name, without `/`, `\\` and control characters, at most 255 bytes.
            chain: The certificates of the authorities above it.
            chain_filename: That file's name, by the same rules.
            keystore_password: The key store's password.
            private_key_password: The private key's password.
        """
        return call(self.InstallSignedCertificate, InstallSignedCertificateRequest, request, arguments)

    @overload
    def list_trusted_authorities(self, request: ListTrustedAuthoritiesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListTrustedAuthoritiesResponse: ...
    @overload
    def list_trusted_authorities(
        self,
        *,
        parent: str,
        **options: Unpack[CallOptions],
    ) -> ListTrustedAuthoritiesResponse: ...
    def list_trusted_authorities(self, *request: Any, **arguments: Any) -> ListTrustedAuthoritiesResponse:
        """Lists all authorities of a trust store, on one page.

        Fields:
            parent: `providers/{provider}/trustStores/{trust_store}`, a store called `server` or `client`.
        """
        return call(self.ListTrustedAuthorities, ListTrustedAuthoritiesRequest, request, arguments)

    @overload
    def get_trusted_authority(self, request: GetTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetTrustedAuthorityResponse: ...
    @overload
    def get_trusted_authority(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetTrustedAuthorityResponse: ...
    def get_trusted_authority(self, *request: Any, **arguments: Any) -> GetTrustedAuthorityResponse:
        """Returns one authority with every field.

        Fields:
            name: `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
        """
        return call(self.GetTrustedAuthority, GetTrustedAuthorityRequest, request, arguments)

    @overload
    def import_trusted_authority(self, request: ImportTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ImportTrustedAuthorityResponse: ...
    @overload
    def import_trusted_authority(
        self,
        *,
        parent: str,
        content: bytes,
        filename: str | None = None,
        **options: Unpack[CallOptions],
    ) -> ImportTrustedAuthorityResponse: ...
    def import_trusted_authority(self, *request: Any, **arguments: Any) -> ImportTrustedAuthorityResponse:
        """Adds the authorities of a file to a trust store.

        Fields:
            parent: `providers/{provider}/trustStores/{trust_store}`, a store called `server` or `client`.
            content: One or more certificates of authorities.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
        """
        return call(self.ImportTrustedAuthority, ImportTrustedAuthorityRequest, request, arguments)

    @overload
    def delete_trusted_authority(self, request: DeleteTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> DeleteTrustedAuthorityResponse: ...
    @overload
    def delete_trusted_authority(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> DeleteTrustedAuthorityResponse: ...
    def delete_trusted_authority(self, *request: Any, **arguments: Any) -> DeleteTrustedAuthorityResponse:
        """Removes an authority from a trust store.

        Fields:
            name: `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
        """
        return call(self.DeleteTrustedAuthority, DeleteTrustedAuthorityRequest, request, arguments)


class AsyncCertificateService:
    """`CertificateService` for asyncio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = cast("Any", CertificateServiceStub(channel))
        self.ListCertificates: AsyncMethod[ListCertificatesRequest, ListCertificatesResponse] = stub.ListCertificates
        self.GetCertificate: AsyncMethod[GetCertificateRequest, GetCertificateResponse] = stub.GetCertificate
        self.CheckCertificate: AsyncMethod[CheckCertificateRequest, CheckCertificateResponse] = stub.CheckCertificate
        self.CreateCertificate: AsyncMethod[CreateCertificateRequest, CreateCertificateResponse] = stub.CreateCertificate
        self.DeleteCertificate: AsyncMethod[DeleteCertificateRequest, DeleteCertificateResponse] = stub.DeleteCertificate
        self.UploadCertificate: AsyncMethod[UploadCertificateRequest, UploadCertificateResponse] = stub.UploadCertificate
        self.DownloadCertificate: AsyncMethod[DownloadCertificateRequest, DownloadCertificateResponse] = stub.DownloadCertificate
        self.ImportCertificate: AsyncMethod[ImportCertificateRequest, ImportCertificateResponse] = stub.ImportCertificate
        self.GetCertificateSigningRequest: AsyncMethod[GetCertificateSigningRequestRequest, GetCertificateSigningRequestResponse] = stub.GetCertificateSigningRequest
        self.InstallSignedCertificate: AsyncMethod[InstallSignedCertificateRequest, InstallSignedCertificateResponse] = stub.InstallSignedCertificate
        self.ListTrustedAuthorities: AsyncMethod[ListTrustedAuthoritiesRequest, ListTrustedAuthoritiesResponse] = stub.ListTrustedAuthorities
        self.GetTrustedAuthority: AsyncMethod[GetTrustedAuthorityRequest, GetTrustedAuthorityResponse] = stub.GetTrustedAuthority
        self.ImportTrustedAuthority: AsyncMethod[ImportTrustedAuthorityRequest, ImportTrustedAuthorityResponse] = stub.ImportTrustedAuthority
        self.DeleteTrustedAuthority: AsyncMethod[DeleteTrustedAuthorityRequest, DeleteTrustedAuthorityResponse] = stub.DeleteTrustedAuthority

    @overload
    def list_certificates(self, request: ListCertificatesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListCertificatesResponse]: ...
    @overload
    def list_certificates(
        self,
        *,
        parent: str,
        page_size: int | None = None,
        page_token: str | None = None,
        state: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListCertificatesResponse]: ...
    def list_certificates(self, *request: Any, **arguments: Any) -> AsyncCall[ListCertificatesResponse]:
        """Lists certificates, ordered by provider, then as the provider lists them.

        Fields:
            parent: `providers/{provider}`, or `providers/-` for every provider that has certificates and that
                the caller may list.
            page_size: How many certificates a page may have.
            page_token: `next_page_token` of the page before; empty for the first.
            state: Which certificates.
        """
        return call(self.ListCertificates, ListCertificatesRequest, request, arguments)

    @overload
    def get_certificate(self, request: GetCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetCertificateResponse]: ...
    @overload
    def get_certificate(
        self,
        *,
        name: str,
        view: int | str | None = None,
        keystore_password: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetCertificateResponse]: ...
    def get_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[GetCertificateResponse]:
        """Returns one certificate, expired or not.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            view: How much.
            keystore_password: The key store's password.
        """
        return call(self.GetCertificate, GetCertificateRequest, request, arguments)

    @overload
    def check_certificate(self, request: CheckCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[CheckCertificateResponse]: ...
    @overload
    def check_certificate(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[CheckCertificateResponse]: ...
    def check_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[CheckCertificateResponse]:
        """Says whether a certificate exists, expired or not, without a password.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
        """
        return call(self.CheckCertificate, CheckCertificateRequest, request, arguments)

    @overload
    def create_certificate(self, request: CreateCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[CreateCertificateResponse]: ...
    @overload
    def create_certificate(
        self,
        *,
        parent: str,
        certificate_id: str,
        subject: DistinguishedName | Mapping[str, Any],
        key_algorithm: str | None = None,
        key_size: int | None = None,
        validity_days: int | None = None,
        signature_algorithm: str | None = None,
        keystore_password: str,
        private_key_password: str,
        replace: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[CreateCertificateResponse]: ...
    def create_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[CreateCertificateResponse]:
        """Makes a key pair, a self-signed certificate and a signing request for it.

        Fields:
            parent: `providers/{provider}`.
            certificate_id: The last segment of the new certificate's name.
            subject: Whom the certificate is for.
            key_algorithm: The key's algorithm, passed on as it is, at most 128 bytes.
            key_size: The key's size in bits, at most 16,384.
            validity_days: For how many days it is valid, from now, at most 36,500.
            signature_algorithm: The signature algorithm, passed on as it is, at most 128 bytes.
            keystore_password: The password that the key store gets.
            private_key_password: The password that the private key gets.
            replace: Whether a certificate that exists may be replaced, its key with it.
        """
        return call(self.CreateCertificate, CreateCertificateRequest, request, arguments)

    @overload
    def delete_certificate(self, request: DeleteCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[DeleteCertificateResponse]: ...
    @overload
    def delete_certificate(
        self,
        *,
        name: str,
        keystore_password: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[DeleteCertificateResponse]: ...
    def delete_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[DeleteCertificateResponse]:
        """Deletes a certificate with its key and signing request.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore_password: The key store's password.
        """
        return call(self.DeleteCertificate, DeleteCertificateRequest, request, arguments)

    @overload
    def upload_certificate(self, request: UploadCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[UploadCertificateResponse]: ...
    @overload
    def upload_certificate(
        self,
        *,
        name: str,
        content: bytes,
        filename: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[UploadCertificateResponse]: ...
    def upload_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[UploadCertificateResponse]:
        """Uploads the file of a certificate that is registered; a file that is there is replaced.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`, a certificate that is registered.
            content: The file.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
        """
        return call(self.UploadCertificate, UploadCertificateRequest, request, arguments)

    @overload
    def download_certificate(self, request: DownloadCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[DownloadCertificateResponse]: ...
    @overload
    def download_certificate(
        self,
        *,
        name: str,
        format: int | str | None = None,
        include_private_key: bool | None = None,
        keystore_password: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[DownloadCertificateResponse]: ...
    def download_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[DownloadCertificateResponse]:
        """Downloads a certificate with its chain and, where asked and allowed, its private key.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            format: The format of `content`.
            include_private_key: Whether to return the private key too.
            keystore_password: The key store's password.
        """
        return call(self.DownloadCertificate, DownloadCertificateRequest, request, arguments)

    @overload
    def import_certificate(self, request: ImportCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ImportCertificateResponse]: ...
    @overload
    def import_certificate(
        self,
        *,
        name: str,
        keystore: bytes,
        filename: str | None = None,
        file_password: str | None = None,
        keystore_password: str,
        private_key_password: str,
        replace: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ImportCertificateResponse]: ...
    def import_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[ImportCertificateResponse]:
        """Stores a certificate and its private key from a key store file.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore: The file.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
            file_password: The password that opens the file.
            keystore_password: The password that the provider's key store gets.
            private_key_password: The password that the private key gets.
            replace: Whether a certificate that exists may be replaced, its key with it.
        """
        return call(self.ImportCertificate, ImportCertificateRequest, request, arguments)

    @overload
    def get_certificate_signing_request(self, request: GetCertificateSigningRequestRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetCertificateSigningRequestResponse]: ...
    @overload
    def get_certificate_signing_request(
        self,
        *,
        name: str,
        keystore_password: str,
        private_key_password: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetCertificateSigningRequestResponse]: ...
    def get_certificate_signing_request(self, *request: Any, **arguments: Any) -> AsyncCall[GetCertificateSigningRequestResponse]:
        """Returns the signing request of a certificate, to be sent to an authority.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            keystore_password: The key store's password.
            private_key_password: The private key's password.
        """
        return call(self.GetCertificateSigningRequest, GetCertificateSigningRequestRequest, request, arguments)

    @overload
    def install_signed_certificate(self, request: InstallSignedCertificateRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[InstallSignedCertificateResponse]: ...
    @overload
    def install_signed_certificate(
        self,
        *,
        name: str,
        certificate: bytes,
        certificate_filename: str | None = None,
        chain: bytes | None = None,
        chain_filename: str | None = None,
        keystore_password: str,
        private_key_password: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[InstallSignedCertificateResponse]: ...
    def install_signed_certificate(self, *request: Any, **arguments: Any) -> AsyncCall[InstallSignedCertificateResponse]:
        """Puts the certificate that an authority signed in the place of the self-signed one.

        Fields:
            name: `providers/{provider}/certificates/{certificate}`.
            certificate: The signed certificate.
            certificate_filename: That file's name, without `/`, `\\` and control characters, at most 255 bytes.
            chain: The certificates of the authorities above it.
            chain_filename: That file's name, by the same rules.
            keystore_password: The key store's password.
            private_key_password: The private key's password.
        """
        return call(self.InstallSignedCertificate, InstallSignedCertificateRequest, request, arguments)

    @overload
    def list_trusted_authorities(self, request: ListTrustedAuthoritiesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListTrustedAuthoritiesResponse]: ...
    @overload
    def list_trusted_authorities(
        self,
        *,
        parent: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListTrustedAuthoritiesResponse]: ...
    def list_trusted_authorities(self, *request: Any, **arguments: Any) -> AsyncCall[ListTrustedAuthoritiesResponse]:
        """Lists all authorities of a trust store, on one page.

        Fields:
            parent: `providers/{provider}/trustStores/{trust_store}`, a store called `server` or `client`.
        """
        return call(self.ListTrustedAuthorities, ListTrustedAuthoritiesRequest, request, arguments)

    @overload
    def get_trusted_authority(self, request: GetTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetTrustedAuthorityResponse]: ...
    @overload
    def get_trusted_authority(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetTrustedAuthorityResponse]: ...
    def get_trusted_authority(self, *request: Any, **arguments: Any) -> AsyncCall[GetTrustedAuthorityResponse]:
        """Returns one authority with every field.

        Fields:
            name: `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
        """
        return call(self.GetTrustedAuthority, GetTrustedAuthorityRequest, request, arguments)

    @overload
    def import_trusted_authority(self, request: ImportTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ImportTrustedAuthorityResponse]: ...
    @overload
    def import_trusted_authority(
        self,
        *,
        parent: str,
        content: bytes,
        filename: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ImportTrustedAuthorityResponse]: ...
    def import_trusted_authority(self, *request: Any, **arguments: Any) -> AsyncCall[ImportTrustedAuthorityResponse]:
        """Adds the authorities of a file to a trust store.

        Fields:
            parent: `providers/{provider}/trustStores/{trust_store}`, a store called `server` or `client`.
            content: One or more certificates of authorities.
            filename: The file's name, without `/`, `\\` and control characters, at most 255 bytes.
        """
        return call(self.ImportTrustedAuthority, ImportTrustedAuthorityRequest, request, arguments)

    @overload
    def delete_trusted_authority(self, request: DeleteTrustedAuthorityRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[DeleteTrustedAuthorityResponse]: ...
    @overload
    def delete_trusted_authority(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[DeleteTrustedAuthorityResponse]: ...
    def delete_trusted_authority(self, *request: Any, **arguments: Any) -> AsyncCall[DeleteTrustedAuthorityResponse]:
        """Removes an authority from a trust store.

        Fields:
            name: `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
        """
        return call(self.DeleteTrustedAuthority, DeleteTrustedAuthorityRequest, request, arguments)


class KeyService:
    """Keys and secrets of every provider."""

    def __init__(self, channel: grpc.Channel) -> None:
        stub = cast("Any", KeyServiceStub(channel))
        self.GetClientInfo: Method[GetClientInfoRequest, GetClientInfoResponse] = stub.GetClientInfo
        self.GetSecret: Method[GetSecretRequest, GetSecretResponse] = stub.GetSecret
        self.Encrypt: Method[EncryptRequest, EncryptResponse] = stub.Encrypt
        self.Decrypt: Method[DecryptRequest, DecryptResponse] = stub.Decrypt
        self.GenerateDataKey: Method[GenerateDataKeyRequest, GenerateDataKeyResponse] = stub.GenerateDataKey
        self.GetSymmetricKey: Method[GetSymmetricKeyRequest, GetSymmetricKeyResponse] = stub.GetSymmetricKey
        self.Sign: Method[SignRequest, SignResponse] = stub.Sign
        self.Verify: Method[VerifyRequest, VerifyResponse] = stub.Verify
        self.GetPrivateKey: Method[GetPrivateKeyRequest, GetPrivateKeyResponse] = stub.GetPrivateKey
        self.GetPublicKey: Method[GetPublicKeyRequest, GetPublicKeyResponse] = stub.GetPublicKey
        self.BatchEncrypt: Method[BatchEncryptRequest, BatchEncryptResponse] = stub.BatchEncrypt
        self.BatchDecrypt: Method[BatchDecryptRequest, BatchDecryptResponse] = stub.BatchDecrypt

    @overload
    def get_client_info(self, request: GetClientInfoRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetClientInfoResponse: ...
    @overload
    def get_client_info(
        self,
        *,
        provider: str,
        **options: Unpack[CallOptions],
    ) -> GetClientInfoResponse: ...
    def get_client_info(self, *request: Any, **arguments: Any) -> GetClientInfoResponse:
        """Says how the upstream sees the gateway, to find out why it refuses it.

        Fields:
            provider: `providers/{provider}`.
        """
        return call(self.GetClientInfo, GetClientInfoRequest, request, arguments)

    @overload
    def get_secret(self, request: GetSecretRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetSecretResponse: ...
    @overload
    def get_secret(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetSecretResponse: ...
    def get_secret(self, *request: Any, **arguments: Any) -> GetSecretResponse:
        """Returns a secret.

        Fields:
            name: `providers/{provider}/secrets/{secret}`.
        """
        return call(self.GetSecret, GetSecretRequest, request, arguments)

    @overload
    def encrypt(self, request: EncryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> EncryptResponse: ...
    @overload
    def encrypt(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> EncryptResponse: ...
    def encrypt(self, *request: Any, **arguments: Any) -> EncryptResponse:
        """Encrypts with a symmetric key's current version.

        Fields:
            name: `providers/{provider}/keys/{key}`, a symmetric key.
            plaintext: The data; may be empty.
            encoding: How `plaintext` becomes text.
        """
        return call(self.Encrypt, EncryptRequest, request, arguments)

    @overload
    def decrypt(self, request: DecryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> DecryptResponse: ...
    @overload
    def decrypt(
        self,
        *,
        name: str,
        ciphertext: str,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> DecryptResponse: ...
    def decrypt(self, *request: Any, **arguments: Any) -> DecryptResponse:
        """Decrypts with the version that the ciphertext was made with.

        Fields:
            name: `providers/{provider}/keys/{key}`, the key that it was encrypted with.
            ciphertext: The ciphertext, as Encrypt or GenerateDataKey returned it.
            encoding: The encoding that it was encrypted with.
        """
        return call(self.Decrypt, DecryptRequest, request, arguments)

    @overload
    def generate_data_key(self, request: GenerateDataKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GenerateDataKeyResponse: ...
    @overload
    def generate_data_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GenerateDataKeyResponse: ...
    def generate_data_key(self, *request: Any, **arguments: Any) -> GenerateDataKeyResponse:
        """Makes a new AES-256 key for local use and encrypts it with a symmetric key.

        Fields:
            name: `providers/{provider}/keys/{key}`, a symmetric key.
        """
        return call(self.GenerateDataKey, GenerateDataKeyRequest, request, arguments)

    @overload
    def get_symmetric_key(self, request: GetSymmetricKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetSymmetricKeyResponse: ...
    @overload
    def get_symmetric_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetSymmetricKeyResponse: ...
    def get_symmetric_key(self, *request: Any, **arguments: Any) -> GetSymmetricKeyResponse:
        """Returns a symmetric key itself.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetSymmetricKey, GetSymmetricKeyRequest, request, arguments)

    @overload
    def sign(self, request: SignRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> SignResponse: ...
    @overload
    def sign(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> SignResponse: ...
    def sign(self, *request: Any, **arguments: Any) -> SignResponse:
        """Signs with an asymmetric key's current version.

        Fields:
            name: `providers/{provider}/keys/{key}`, an asymmetric key.
            plaintext: The data; may be empty.
            encoding: How `plaintext` becomes text.
        """
        return call(self.Sign, SignRequest, request, arguments)

    @overload
    def verify(self, request: VerifyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> VerifyResponse: ...
    @overload
    def verify(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        signature: str,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> VerifyResponse: ...
    def verify(self, *request: Any, **arguments: Any) -> VerifyResponse:
        """Verifies with the version that the signature was made with.

        Fields:
            name: `providers/{provider}/keys/{key}`, the key that it was signed with.
            plaintext: The data that was signed; may be empty.
            signature: The signature, as Sign returned it.
            encoding: The encoding that it was signed with.
        """
        return call(self.Verify, VerifyRequest, request, arguments)

    @overload
    def get_private_key(self, request: GetPrivateKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetPrivateKeyResponse: ...
    @overload
    def get_private_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetPrivateKeyResponse: ...
    def get_private_key(self, *request: Any, **arguments: Any) -> GetPrivateKeyResponse:
        """Returns an asymmetric key's private half.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetPrivateKey, GetPrivateKeyRequest, request, arguments)

    @overload
    def get_public_key(self, request: GetPublicKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetPublicKeyResponse: ...
    @overload
    def get_public_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetPublicKeyResponse: ...
    def get_public_key(self, *request: Any, **arguments: Any) -> GetPublicKeyResponse:
        """Returns an asymmetric key's public half.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetPublicKey, GetPublicKeyRequest, request, arguments)

    @overload
    def batch_encrypt(self, request: BatchEncryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> BatchEncryptResponse: ...
    @overload
    def batch_encrypt(
        self,
        *,
        requests: Iterable[EncryptRequest | Mapping[str, Any]],
        **options: Unpack[CallOptions],
    ) -> BatchEncryptResponse: ...
    def batch_encrypt(self, *request: Any, **arguments: Any) -> BatchEncryptResponse:
        """Encrypts many plaintexts, concurrently.

        Fields:
            requests: 1 to 1,000 items, for any keys of any providers.
        """
        return call(self.BatchEncrypt, BatchEncryptRequest, request, arguments)

    @overload
    def batch_decrypt(self, request: BatchDecryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> BatchDecryptResponse: ...
    @overload
    def batch_decrypt(
        self,
        *,
        requests: Iterable[DecryptRequest | Mapping[str, Any]],
        **options: Unpack[CallOptions],
    ) -> BatchDecryptResponse: ...
    def batch_decrypt(self, *request: Any, **arguments: Any) -> BatchDecryptResponse:
        """Decrypts many ciphertexts, concurrently.

        Fields:
            requests: 1 to 1,000 items, for any keys of any providers.
        """
        return call(self.BatchDecrypt, BatchDecryptRequest, request, arguments)


class AsyncKeyService:
    """`KeyService` for asyncio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = cast("Any", KeyServiceStub(channel))
        self.GetClientInfo: AsyncMethod[GetClientInfoRequest, GetClientInfoResponse] = stub.GetClientInfo
        self.GetSecret: AsyncMethod[GetSecretRequest, GetSecretResponse] = stub.GetSecret
        self.Encrypt: AsyncMethod[EncryptRequest, EncryptResponse] = stub.Encrypt
        self.Decrypt: AsyncMethod[DecryptRequest, DecryptResponse] = stub.Decrypt
        self.GenerateDataKey: AsyncMethod[GenerateDataKeyRequest, GenerateDataKeyResponse] = stub.GenerateDataKey
        self.GetSymmetricKey: AsyncMethod[GetSymmetricKeyRequest, GetSymmetricKeyResponse] = stub.GetSymmetricKey
        self.Sign: AsyncMethod[SignRequest, SignResponse] = stub.Sign
        self.Verify: AsyncMethod[VerifyRequest, VerifyResponse] = stub.Verify
        self.GetPrivateKey: AsyncMethod[GetPrivateKeyRequest, GetPrivateKeyResponse] = stub.GetPrivateKey
        self.GetPublicKey: AsyncMethod[GetPublicKeyRequest, GetPublicKeyResponse] = stub.GetPublicKey
        self.BatchEncrypt: AsyncMethod[BatchEncryptRequest, BatchEncryptResponse] = stub.BatchEncrypt
        self.BatchDecrypt: AsyncMethod[BatchDecryptRequest, BatchDecryptResponse] = stub.BatchDecrypt

    @overload
    def get_client_info(self, request: GetClientInfoRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetClientInfoResponse]: ...
    @overload
    def get_client_info(
        self,
        *,
        provider: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetClientInfoResponse]: ...
    def get_client_info(self, *request: Any, **arguments: Any) -> AsyncCall[GetClientInfoResponse]:
        """Says how the upstream sees the gateway, to find out why it refuses it.

        Fields:
            provider: `providers/{provider}`.
        """
        return call(self.GetClientInfo, GetClientInfoRequest, request, arguments)

    @overload
    def get_secret(self, request: GetSecretRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetSecretResponse]: ...
    @overload
    def get_secret(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetSecretResponse]: ...
    def get_secret(self, *request: Any, **arguments: Any) -> AsyncCall[GetSecretResponse]:
        """Returns a secret.

        Fields:
            name: `providers/{provider}/secrets/{secret}`.
        """
        return call(self.GetSecret, GetSecretRequest, request, arguments)

    @overload
    def encrypt(self, request: EncryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[EncryptResponse]: ...
    @overload
    def encrypt(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[EncryptResponse]: ...
    def encrypt(self, *request: Any, **arguments: Any) -> AsyncCall[EncryptResponse]:
        """Encrypts with a symmetric key's current version.

        Fields:
            name: `providers/{provider}/keys/{key}`, a symmetric key.
            plaintext: The data; may be empty.
            encoding: How `plaintext` becomes text.
        """
        return call(self.Encrypt, EncryptRequest, request, arguments)

    @overload
    def decrypt(self, request: DecryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[DecryptResponse]: ...
    @overload
    def decrypt(
        self,
        *,
        name: str,
        ciphertext: str,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[DecryptResponse]: ...
    def decrypt(self, *request: Any, **arguments: Any) -> AsyncCall[DecryptResponse]:
        """Decrypts with the version that the ciphertext was made with.

        Fields:
            name: `providers/{provider}/keys/{key}`, the key that it was encrypted with.
            ciphertext: The ciphertext, as Encrypt or GenerateDataKey returned it.
            encoding: The encoding that it was encrypted with.
        """
        return call(self.Decrypt, DecryptRequest, request, arguments)

    @overload
    def generate_data_key(self, request: GenerateDataKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GenerateDataKeyResponse]: ...
    @overload
    def generate_data_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GenerateDataKeyResponse]: ...
    def generate_data_key(self, *request: Any, **arguments: Any) -> AsyncCall[GenerateDataKeyResponse]:
        """Makes a new AES-256 key for local use and encrypts it with a symmetric key.

        Fields:
            name: `providers/{provider}/keys/{key}`, a symmetric key.
        """
        return call(self.GenerateDataKey, GenerateDataKeyRequest, request, arguments)

    @overload
    def get_symmetric_key(self, request: GetSymmetricKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetSymmetricKeyResponse]: ...
    @overload
    def get_symmetric_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetSymmetricKeyResponse]: ...
    def get_symmetric_key(self, *request: Any, **arguments: Any) -> AsyncCall[GetSymmetricKeyResponse]:
        """Returns a symmetric key itself.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetSymmetricKey, GetSymmetricKeyRequest, request, arguments)

    @overload
    def sign(self, request: SignRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[SignResponse]: ...
    @overload
    def sign(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[SignResponse]: ...
    def sign(self, *request: Any, **arguments: Any) -> AsyncCall[SignResponse]:
        """Signs with an asymmetric key's current version.

        Fields:
            name: `providers/{provider}/keys/{key}`, an asymmetric key.
            plaintext: The data; may be empty.
            encoding: How `plaintext` becomes text.
        """
        return call(self.Sign, SignRequest, request, arguments)

    @overload
    def verify(self, request: VerifyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[VerifyResponse]: ...
    @overload
    def verify(
        self,
        *,
        name: str,
        plaintext: bytes | None = None,
        signature: str,
        encoding: int | str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[VerifyResponse]: ...
    def verify(self, *request: Any, **arguments: Any) -> AsyncCall[VerifyResponse]:
        """Verifies with the version that the signature was made with.

        Fields:
            name: `providers/{provider}/keys/{key}`, the key that it was signed with.
            plaintext: The data that was signed; may be empty.
            signature: The signature, as Sign returned it.
            encoding: The encoding that it was signed with.
        """
        return call(self.Verify, VerifyRequest, request, arguments)

    @overload
    def get_private_key(self, request: GetPrivateKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetPrivateKeyResponse]: ...
    @overload
    def get_private_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetPrivateKeyResponse]: ...
    def get_private_key(self, *request: Any, **arguments: Any) -> AsyncCall[GetPrivateKeyResponse]:
        """Returns an asymmetric key's private half.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetPrivateKey, GetPrivateKeyRequest, request, arguments)

    @overload
    def get_public_key(self, request: GetPublicKeyRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetPublicKeyResponse]: ...
    @overload
    def get_public_key(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetPublicKeyResponse]: ...
    def get_public_key(self, *request: Any, **arguments: Any) -> AsyncCall[GetPublicKeyResponse]:
        """Returns an asymmetric key's public half.

        Fields:
            name: `providers/{provider}/keys/{key}` for the current version, or
                `providers/{provider}/keys/{key}/versions/{version}`.
        """
        return call(self.GetPublicKey, GetPublicKeyRequest, request, arguments)

    @overload
    def batch_encrypt(self, request: BatchEncryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[BatchEncryptResponse]: ...
    @overload
    def batch_encrypt(
        self,
        *,
        requests: Iterable[EncryptRequest | Mapping[str, Any]],
        **options: Unpack[CallOptions],
    ) -> AsyncCall[BatchEncryptResponse]: ...
    def batch_encrypt(self, *request: Any, **arguments: Any) -> AsyncCall[BatchEncryptResponse]:
        """Encrypts many plaintexts, concurrently.

        Fields:
            requests: 1 to 1,000 items, for any keys of any providers.
        """
        return call(self.BatchEncrypt, BatchEncryptRequest, request, arguments)

    @overload
    def batch_decrypt(self, request: BatchDecryptRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[BatchDecryptResponse]: ...
    @overload
    def batch_decrypt(
        self,
        *,
        requests: Iterable[DecryptRequest | Mapping[str, Any]],
        **options: Unpack[CallOptions],
    ) -> AsyncCall[BatchDecryptResponse]: ...
    def batch_decrypt(self, *request: Any, **arguments: Any) -> AsyncCall[BatchDecryptResponse]:
        """Decrypts many ciphertexts, concurrently.

        Fields:
            requests: 1 to 1,000 items, for any keys of any providers.
        """
        return call(self.BatchDecrypt, BatchDecryptRequest, request, arguments)


class ProviderService:
    """The providers that the gateway stands in front of."""

    def __init__(self, channel: grpc.Channel) -> None:
        stub = cast("Any", ProviderServiceStub(channel))
        self.ListProviders: Method[ListProvidersRequest, ListProvidersResponse] = stub.ListProviders
        self.GetProvider: Method[GetProviderRequest, GetProviderResponse] = stub.GetProvider
        self.CheckProvider: Method[CheckProviderRequest, CheckProviderResponse] = stub.CheckProvider
        self.ListStatusMappings: Method[ListStatusMappingsRequest, ListStatusMappingsResponse] = stub.ListStatusMappings

    @overload
    def list_providers(self, request: ListProvidersRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListProvidersResponse: ...
    @overload
    def list_providers(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> ListProvidersResponse: ...
    def list_providers(self, *request: Any, **arguments: Any) -> ListProvidersResponse:
        """Lists the configured providers, by name.

        Fields:
            page_size: How many providers a page may have.
            page_token: `next_page_token` of the page before; empty for the first.
        """
        return call(self.ListProviders, ListProvidersRequest, request, arguments)

    @overload
    def get_provider(self, request: GetProviderRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetProviderResponse: ...
    @overload
    def get_provider(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetProviderResponse: ...
    def get_provider(self, *request: Any, **arguments: Any) -> GetProviderResponse:
        """Returns one provider, with the state that the last CheckProvider found.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.GetProvider, GetProviderRequest, request, arguments)

    @overload
    def check_provider(self, request: CheckProviderRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> CheckProviderResponse: ...
    @overload
    def check_provider(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> CheckProviderResponse: ...
    def check_provider(self, *request: Any, **arguments: Any) -> CheckProviderResponse:
        """Calls the upstream once, changing nothing there, and returns the provider with the state found.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.CheckProvider, CheckProviderRequest, request, arguments)

    @overload
    def list_status_mappings(self, request: ListStatusMappingsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListStatusMappingsResponse: ...
    @overload
    def list_status_mappings(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> ListStatusMappingsResponse: ...
    def list_status_mappings(self, *request: Any, **arguments: Any) -> ListStatusMappingsResponse:
        """Lists what the gateway makes of each error of the provider's upstream, on one page.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.ListStatusMappings, ListStatusMappingsRequest, request, arguments)


class AsyncProviderService:
    """`ProviderService` for asyncio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = cast("Any", ProviderServiceStub(channel))
        self.ListProviders: AsyncMethod[ListProvidersRequest, ListProvidersResponse] = stub.ListProviders
        self.GetProvider: AsyncMethod[GetProviderRequest, GetProviderResponse] = stub.GetProvider
        self.CheckProvider: AsyncMethod[CheckProviderRequest, CheckProviderResponse] = stub.CheckProvider
        self.ListStatusMappings: AsyncMethod[ListStatusMappingsRequest, ListStatusMappingsResponse] = stub.ListStatusMappings

    @overload
    def list_providers(self, request: ListProvidersRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListProvidersResponse]: ...
    @overload
    def list_providers(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListProvidersResponse]: ...
    def list_providers(self, *request: Any, **arguments: Any) -> AsyncCall[ListProvidersResponse]:
        """Lists the configured providers, by name.

        Fields:
            page_size: How many providers a page may have.
            page_token: `next_page_token` of the page before; empty for the first.
        """
        return call(self.ListProviders, ListProvidersRequest, request, arguments)

    @overload
    def get_provider(self, request: GetProviderRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetProviderResponse]: ...
    @overload
    def get_provider(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetProviderResponse]: ...
    def get_provider(self, *request: Any, **arguments: Any) -> AsyncCall[GetProviderResponse]:
        """Returns one provider, with the state that the last CheckProvider found.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.GetProvider, GetProviderRequest, request, arguments)

    @overload
    def check_provider(self, request: CheckProviderRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[CheckProviderResponse]: ...
    @overload
    def check_provider(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[CheckProviderResponse]: ...
    def check_provider(self, *request: Any, **arguments: Any) -> AsyncCall[CheckProviderResponse]:
        """Calls the upstream once, changing nothing there, and returns the provider with the state found.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.CheckProvider, CheckProviderRequest, request, arguments)

    @overload
    def list_status_mappings(self, request: ListStatusMappingsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListStatusMappingsResponse]: ...
    @overload
    def list_status_mappings(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListStatusMappingsResponse]: ...
    def list_status_mappings(self, *request: Any, **arguments: Any) -> AsyncCall[ListStatusMappingsResponse]:
        """Lists what the gateway makes of each error of the provider's upstream, on one page.

        Fields:
            name: `providers/{provider}`.
        """
        return call(self.ListStatusMappings, ListStatusMappingsRequest, request, arguments)
