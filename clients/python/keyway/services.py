"""Services with one typed method per call, sync and asyncio. Generated from protos/ by `make generate`; do not edit.

A method in snake case (`encrypt`) takes the fields of the request as keywords, or one request: a message or a mapping.
A method in camel case (`Encrypt`) is the method of the gRPC stub.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Unpack, cast, overload

import grpc
import grpc.aio

from keyway.methods import AsyncCall, AsyncMethod, CallOptions, Method, call
from keyway.v1.audit_record_pb2 import (
    AuditFilter,
    AuditRecord,
)
from keyway.v1.audit_service_pb2 import (
    GetAuditRecordRequest,
    GetAuditRecordResponse,
    GetJournalStatusRequest,
    GetJournalStatusResponse,
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    ListSecretDeliveriesRequest,
    ListSecretDeliveriesResponse,
    SummarizeAuditRecordsRequest,
    SummarizeAuditRecordsResponse,
    VerifyJournalRequest,
    VerifyJournalResponse,
)
from keyway.v1.audit_service_pb2_grpc import (
    AuditServiceStub,
)
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


class AuditService:
    """Queries recorded calls."""

    def __init__(self, channel: grpc.Channel) -> None:
        stub = cast("Any", AuditServiceStub(channel))
        self.ListAuditRecords: Method[ListAuditRecordsRequest, ListAuditRecordsResponse] = stub.ListAuditRecords
        self.GetAuditRecord: Method[GetAuditRecordRequest, GetAuditRecordResponse] = stub.GetAuditRecord
        self.SummarizeAuditRecords: Method[SummarizeAuditRecordsRequest, SummarizeAuditRecordsResponse] = stub.SummarizeAuditRecords
        self.GetJournalStatus: Method[GetJournalStatusRequest, GetJournalStatusResponse] = stub.GetJournalStatus
        self.VerifyJournal: Method[VerifyJournalRequest, VerifyJournalResponse] = stub.VerifyJournal
        self.ListSecretDeliveries: Method[ListSecretDeliveriesRequest, ListSecretDeliveriesResponse] = stub.ListSecretDeliveries

    @overload
    def list_audit_records(self, request: ListAuditRecordsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListAuditRecordsResponse: ...
    @overload
    def list_audit_records(
        self,
        *,
        parent: str,
        filter: AuditFilter | Mapping[str, Any] | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> ListAuditRecordsResponse: ...
    def list_audit_records(self, *request: Any, **arguments: Any) -> ListAuditRecordsResponse:
        """Lists records, newest first.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            filter: Which records to list.
            page_size: The maximum number of records on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
        """
        return call(self.ListAuditRecords, ListAuditRecordsRequest, request, arguments)

    @overload
    def get_audit_record(self, request: GetAuditRecordRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetAuditRecordResponse: ...
    @overload
    def get_audit_record(
        self,
        *,
        parent: str,
        request_id: str | None = None,
        receipt: str | None = None,
        **options: Unpack[CallOptions],
    ) -> GetAuditRecordResponse: ...
    def get_audit_record(self, *request: Any, **arguments: Any) -> GetAuditRecordResponse:
        """Returns one record with its journal records.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            request_id: The ID of the request, from the trailer `keyway-request-id` or `AuditRecord.request_id`.
            receipt: A receipt, from the trailer `keyway-audit-receipt` or `AuditRecord.receipt`.
        """
        return call(self.GetAuditRecord, GetAuditRecordRequest, request, arguments)

    @overload
    def summarize_audit_records(self, request: SummarizeAuditRecordsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> SummarizeAuditRecordsResponse: ...
    @overload
    def summarize_audit_records(
        self,
        *,
        parent: str,
        filter: AuditFilter | Mapping[str, Any] | None = None,
        group_by: Iterable[int | str],
        max_groups: int | None = None,
        **options: Unpack[CallOptions],
    ) -> SummarizeAuditRecordsResponse: ...
    def summarize_audit_records(self, *request: Any, **arguments: Any) -> SummarizeAuditRecordsResponse:
        """Counts records in groups, such as the denials of each caller on each day.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            filter: Which records to count.
            group_by: The properties by which to group.
            max_groups: The maximum number of groups, 1 to 10,000.
        """
        return call(self.SummarizeAuditRecords, SummarizeAuditRecordsRequest, request, arguments)

    @overload
    def get_journal_status(self, request: GetJournalStatusRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> GetJournalStatusResponse: ...
    @overload
    def get_journal_status(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> GetJournalStatusResponse: ...
    def get_journal_status(self, *request: Any, **arguments: Any) -> GetJournalStatusResponse:
        """Returns the state of this gateway's journal.

        Fields:
            name: The audit log of the gateway.
        """
        return call(self.GetJournalStatus, GetJournalStatusRequest, request, arguments)

    @overload
    def verify_journal(self, request: VerifyJournalRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> VerifyJournalResponse: ...
    @overload
    def verify_journal(
        self,
        *,
        name: str,
        restart: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> VerifyJournalResponse: ...
    def verify_journal(self, *request: Any, **arguments: Any) -> VerifyJournalResponse:
        """Starts a verification of this gateway's journal if necessary, and returns its progress or its result.

        Fields:
            name: The audit log of the gateway.
            restart: Whether to start a new verification if the previous one has ended.
        """
        return call(self.VerifyJournal, VerifyJournalRequest, request, arguments)

    @overload
    def list_secret_deliveries(self, request: ListSecretDeliveriesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> ListSecretDeliveriesResponse: ...
    @overload
    def list_secret_deliveries(
        self,
        *,
        parent: str,
        secret: str | None = None,
        outdated_only: bool | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> ListSecretDeliveriesResponse: ...
    def list_secret_deliveries(self, *request: Any, **arguments: Any) -> ListSecretDeliveriesResponse:
        """Lists which node holds which version of a secret that the gateway delivers, such as to Envoy.

        Fields:
            parent: The audit log of the provider whose secrets are delivered, as `auditLogs/{provider}`, or
                `auditLogs/-` for all providers whose log the caller may read.
            secret: List only deliveries of this secret.
            outdated_only: List only nodes that do not use the latest version that the gateway has delivered to
                any node.
            page_size: The maximum number of deliveries on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
        """
        return call(self.ListSecretDeliveries, ListSecretDeliveriesRequest, request, arguments)


class AsyncAuditService:
    """`AuditService` for asyncio."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = cast("Any", AuditServiceStub(channel))
        self.ListAuditRecords: AsyncMethod[ListAuditRecordsRequest, ListAuditRecordsResponse] = stub.ListAuditRecords
        self.GetAuditRecord: AsyncMethod[GetAuditRecordRequest, GetAuditRecordResponse] = stub.GetAuditRecord
        self.SummarizeAuditRecords: AsyncMethod[SummarizeAuditRecordsRequest, SummarizeAuditRecordsResponse] = stub.SummarizeAuditRecords
        self.GetJournalStatus: AsyncMethod[GetJournalStatusRequest, GetJournalStatusResponse] = stub.GetJournalStatus
        self.VerifyJournal: AsyncMethod[VerifyJournalRequest, VerifyJournalResponse] = stub.VerifyJournal
        self.ListSecretDeliveries: AsyncMethod[ListSecretDeliveriesRequest, ListSecretDeliveriesResponse] = stub.ListSecretDeliveries

    @overload
    def list_audit_records(self, request: ListAuditRecordsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListAuditRecordsResponse]: ...
    @overload
    def list_audit_records(
        self,
        *,
        parent: str,
        filter: AuditFilter | Mapping[str, Any] | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListAuditRecordsResponse]: ...
    def list_audit_records(self, *request: Any, **arguments: Any) -> AsyncCall[ListAuditRecordsResponse]:
        """Lists records, newest first.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            filter: Which records to list.
            page_size: The maximum number of records on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
        """
        return call(self.ListAuditRecords, ListAuditRecordsRequest, request, arguments)

    @overload
    def get_audit_record(self, request: GetAuditRecordRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetAuditRecordResponse]: ...
    @overload
    def get_audit_record(
        self,
        *,
        parent: str,
        request_id: str | None = None,
        receipt: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetAuditRecordResponse]: ...
    def get_audit_record(self, *request: Any, **arguments: Any) -> AsyncCall[GetAuditRecordResponse]:
        """Returns one record with its journal records.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            request_id: The ID of the request, from the trailer `keyway-request-id` or `AuditRecord.request_id`.
            receipt: A receipt, from the trailer `keyway-audit-receipt` or `AuditRecord.receipt`.
        """
        return call(self.GetAuditRecord, GetAuditRecordRequest, request, arguments)

    @overload
    def summarize_audit_records(self, request: SummarizeAuditRecordsRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[SummarizeAuditRecordsResponse]: ...
    @overload
    def summarize_audit_records(
        self,
        *,
        parent: str,
        filter: AuditFilter | Mapping[str, Any] | None = None,
        group_by: Iterable[int | str],
        max_groups: int | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[SummarizeAuditRecordsResponse]: ...
    def summarize_audit_records(self, *request: Any, **arguments: Any) -> AsyncCall[SummarizeAuditRecordsResponse]:
        """Counts records in groups, such as the denials of each caller on each day.

        Fields:
            parent: The audit log, as `auditLogs/{provider}`, or `auditLogs/-` for all logs that the caller may
                read.
            filter: Which records to count.
            group_by: The properties by which to group.
            max_groups: The maximum number of groups, 1 to 10,000.
        """
        return call(self.SummarizeAuditRecords, SummarizeAuditRecordsRequest, request, arguments)

    @overload
    def get_journal_status(self, request: GetJournalStatusRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[GetJournalStatusResponse]: ...
    @overload
    def get_journal_status(
        self,
        *,
        name: str,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[GetJournalStatusResponse]: ...
    def get_journal_status(self, *request: Any, **arguments: Any) -> AsyncCall[GetJournalStatusResponse]:
        """Returns the state of this gateway's journal.

        Fields:
            name: The audit log of the gateway.
        """
        return call(self.GetJournalStatus, GetJournalStatusRequest, request, arguments)

    @overload
    def verify_journal(self, request: VerifyJournalRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[VerifyJournalResponse]: ...
    @overload
    def verify_journal(
        self,
        *,
        name: str,
        restart: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[VerifyJournalResponse]: ...
    def verify_journal(self, *request: Any, **arguments: Any) -> AsyncCall[VerifyJournalResponse]:
        """Starts a verification of this gateway's journal if necessary, and returns its progress or its result.

        Fields:
            name: The audit log of the gateway.
            restart: Whether to start a new verification if the previous one has ended.
        """
        return call(self.VerifyJournal, VerifyJournalRequest, request, arguments)

    @overload
    def list_secret_deliveries(self, request: ListSecretDeliveriesRequest | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> AsyncCall[ListSecretDeliveriesResponse]: ...
    @overload
    def list_secret_deliveries(
        self,
        *,
        parent: str,
        secret: str | None = None,
        outdated_only: bool | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCall[ListSecretDeliveriesResponse]: ...
    def list_secret_deliveries(self, *request: Any, **arguments: Any) -> AsyncCall[ListSecretDeliveriesResponse]:
        """Lists which node holds which version of a secret that the gateway delivers, such as to Envoy.

        Fields:
            parent: The audit log of the provider whose secrets are delivered, as `auditLogs/{provider}`, or
                `auditLogs/-` for all providers whose log the caller may read.
            secret: List only deliveries of this secret.
            outdated_only: List only nodes that do not use the latest version that the gateway has delivered to
                any node.
            page_size: The maximum number of deliveries on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
        """
        return call(self.ListSecretDeliveries, ListSecretDeliveriesRequest, request, arguments)


class CertificateService:
    """Manages the certificates and the trust stores of all configured providers."""

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
        """Lists certificates.

        Fields:
            parent: The provider, as `providers/{provider}`.
            page_size: The maximum number of certificates on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
            state: The states to list.
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
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            view: The fields to return.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Checks whether a certificate exists, expired or not.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
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
        """Creates a key pair, a self-signed certificate, and a certificate signing request for it.

        Fields:
            parent: The provider, as `providers/{provider}`.
            certificate_id: The last segment of the name of the new certificate.
            subject: The subject of the certificate.
            key_algorithm: The key algorithm, at most 128 bytes.
            key_size: The key size in bits, at most 16,384.
            validity_days: The validity period in days from now, at most 36,500.
            signature_algorithm: The signature algorithm, at most 128 bytes.
            keystore_password: The password to set on the key store, at most 1,024 bytes.
            private_key_password: The password to set on the private key, at most 1,024 bytes.
            replace: Whether to replace an existing certificate and its private key.
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
        """Deletes a certificate with its private key and its signing request.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Uploads the file of a registered certificate.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            content: The file.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
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
        """Downloads a certificate with its chain and, if the request sets `include_private_key`, its private key.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            format: The format of `content`.
            include_private_key: Whether to also return the private key.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Imports a certificate and its private key from a key store file.

        Fields:
            name: The certificate to create, as `providers/{provider}/certificates/{certificate}`.
            keystore: The key store file with the certificate and its private key, in PKCS#12 or JKS format.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
            file_password: The password that opens the file, at most 1,024 bytes.
            keystore_password: The password to set on the key store of the provider, at most 1,024 bytes.
            private_key_password: The password to set on the private key, at most 1,024 bytes.
            replace: Whether to replace an existing certificate and its private key.
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
        """Returns the certificate signing request of a certificate.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            keystore_password: The password of the key store, at most 1,024 bytes.
            private_key_password: The password of the private key, at most 1,024 bytes.
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
        """Replaces the self-signed certificate with the certificate that a certificate authority signed.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            certificate: The signed certificate.
            certificate_filename: The name of the certificate file, without `/`, `\\`, or control characters, at
                most 255 bytes.
            chain: The certificates of the issuing authorities.
            chain_filename: The name of the chain file, without `/`, `\\`, or control characters, at most 255
                bytes.
            keystore_password: The password of the key store, at most 1,024 bytes.
            private_key_password: The password of the private key, at most 1,024 bytes.
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
            parent: The trust store, as `providers/{provider}/trustStores/{trust_store}`.
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
        """Returns one authority with all its fields.

        Fields:
            name: The authority, as `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
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
        """Adds the authorities in a file to a trust store.

        Fields:
            parent: The trust store, as `providers/{provider}/trustStores/{trust_store}`.
            content: One or more certificates of authorities.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
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
            name: The authority, as `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
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
        """Lists certificates.

        Fields:
            parent: The provider, as `providers/{provider}`.
            page_size: The maximum number of certificates on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
            state: The states to list.
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
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            view: The fields to return.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Checks whether a certificate exists, expired or not.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
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
        """Creates a key pair, a self-signed certificate, and a certificate signing request for it.

        Fields:
            parent: The provider, as `providers/{provider}`.
            certificate_id: The last segment of the name of the new certificate.
            subject: The subject of the certificate.
            key_algorithm: The key algorithm, at most 128 bytes.
            key_size: The key size in bits, at most 16,384.
            validity_days: The validity period in days from now, at most 36,500.
            signature_algorithm: The signature algorithm, at most 128 bytes.
            keystore_password: The password to set on the key store, at most 1,024 bytes.
            private_key_password: The password to set on the private key, at most 1,024 bytes.
            replace: Whether to replace an existing certificate and its private key.
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
        """Deletes a certificate with its private key and its signing request.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Uploads the file of a registered certificate.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            content: The file.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
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
        """Downloads a certificate with its chain and, if the request sets `include_private_key`, its private key.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            format: The format of `content`.
            include_private_key: Whether to also return the private key.
            keystore_password: The password of the key store, at most 1,024 bytes.
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
        """Imports a certificate and its private key from a key store file.

        Fields:
            name: The certificate to create, as `providers/{provider}/certificates/{certificate}`.
            keystore: The key store file with the certificate and its private key, in PKCS#12 or JKS format.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
            file_password: The password that opens the file, at most 1,024 bytes.
            keystore_password: The password to set on the key store of the provider, at most 1,024 bytes.
            private_key_password: The password to set on the private key, at most 1,024 bytes.
            replace: Whether to replace an existing certificate and its private key.
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
        """Returns the certificate signing request of a certificate.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            keystore_password: The password of the key store, at most 1,024 bytes.
            private_key_password: The password of the private key, at most 1,024 bytes.
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
        """Replaces the self-signed certificate with the certificate that a certificate authority signed.

        Fields:
            name: The certificate, as `providers/{provider}/certificates/{certificate}`.
            certificate: The signed certificate.
            certificate_filename: The name of the certificate file, without `/`, `\\`, or control characters, at
                most 255 bytes.
            chain: The certificates of the issuing authorities.
            chain_filename: The name of the chain file, without `/`, `\\`, or control characters, at most 255
                bytes.
            keystore_password: The password of the key store, at most 1,024 bytes.
            private_key_password: The password of the private key, at most 1,024 bytes.
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
            parent: The trust store, as `providers/{provider}/trustStores/{trust_store}`.
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
        """Returns one authority with all its fields.

        Fields:
            name: The authority, as `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
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
        """Adds the authorities in a file to a trust store.

        Fields:
            parent: The trust store, as `providers/{provider}/trustStores/{trust_store}`.
            content: One or more certificates of authorities.
            filename: The name of the file, without `/`, `\\`, or control characters, at most 255 bytes.
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
            name: The authority, as `providers/{provider}/trustStores/{trust_store}/authorities/{alias}`.
        """
        return call(self.DeleteTrustedAuthority, DeleteTrustedAuthorityRequest, request, arguments)


class KeyService:
    """Encrypts and signs with the keys of all configured providers, and reads their keys and secrets."""

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
        """Returns how the gateway appears to the upstream.

        Fields:
            provider: The provider, as `providers/{provider}`.
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
            name: The secret, as `providers/{provider}/secrets/{secret}`.
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
        """Encrypts data with the current version of a symmetric key.

        Fields:
            name: The symmetric key, as `providers/{provider}/keys/{key}`.
            plaintext: The data to encrypt.
            encoding: How the gateway converts `plaintext` to text.
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
        """Decrypts data with the key version that encrypted it.

        Fields:
            name: The key that encrypted the data, as `providers/{provider}/keys/{key}`.
            ciphertext: The ciphertext that Encrypt or GenerateDataKey returned.
            encoding: The encoding with which the data was encrypted.
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
        """Creates an AES-256 data key for local use and encrypts it with a symmetric key.

        Fields:
            name: The symmetric key that encrypts the data key, as `providers/{provider}/keys/{key}`.
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
        """Returns the key material of a symmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Signs data with the current version of an asymmetric key.

        Fields:
            name: The asymmetric key, as `providers/{provider}/keys/{key}`.
            plaintext: The data to sign.
            encoding: How the gateway converts `plaintext` to text.
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
        """Verifies a signature with the key version that created it.

        Fields:
            name: The key that signed the data, as `providers/{provider}/keys/{key}`.
            plaintext: The data that was signed.
            signature: The signature that Sign returned.
            encoding: The encoding with which the data was signed.
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
        """Returns the private key of an asymmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Returns the public key of an asymmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Encrypts several plaintexts concurrently.

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
        """Decrypts several ciphertexts concurrently.

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
        """Returns how the gateway appears to the upstream.

        Fields:
            provider: The provider, as `providers/{provider}`.
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
            name: The secret, as `providers/{provider}/secrets/{secret}`.
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
        """Encrypts data with the current version of a symmetric key.

        Fields:
            name: The symmetric key, as `providers/{provider}/keys/{key}`.
            plaintext: The data to encrypt.
            encoding: How the gateway converts `plaintext` to text.
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
        """Decrypts data with the key version that encrypted it.

        Fields:
            name: The key that encrypted the data, as `providers/{provider}/keys/{key}`.
            ciphertext: The ciphertext that Encrypt or GenerateDataKey returned.
            encoding: The encoding with which the data was encrypted.
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
        """Creates an AES-256 data key for local use and encrypts it with a symmetric key.

        Fields:
            name: The symmetric key that encrypts the data key, as `providers/{provider}/keys/{key}`.
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
        """Returns the key material of a symmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Signs data with the current version of an asymmetric key.

        Fields:
            name: The asymmetric key, as `providers/{provider}/keys/{key}`.
            plaintext: The data to sign.
            encoding: How the gateway converts `plaintext` to text.
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
        """Verifies a signature with the key version that created it.

        Fields:
            name: The key that signed the data, as `providers/{provider}/keys/{key}`.
            plaintext: The data that was signed.
            signature: The signature that Sign returned.
            encoding: The encoding with which the data was signed.
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
        """Returns the private key of an asymmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Returns the public key of an asymmetric key.

        Fields:
            name: The key version, as `providers/{provider}/keys/{key}/versions/{version}`, or
                `providers/{provider}/keys/{key}` for the current version of the key.
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
        """Encrypts several plaintexts concurrently.

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
        """Decrypts several ciphertexts concurrently.

        Fields:
            requests: 1 to 1,000 items, for any keys of any providers.
        """
        return call(self.BatchDecrypt, BatchDecryptRequest, request, arguments)


class ProviderService:
    """Describes the configured providers."""

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
        """Lists the configured providers, ordered by name.

        Fields:
            page_size: The maximum number of providers on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
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
        """Returns one provider with its state.

        Fields:
            name: The provider, as `providers/{provider}`.
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
        """Makes one read-only call to the upstream and returns the provider with the state that this call found.

        Fields:
            name: The provider, as `providers/{provider}`.
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
        """Lists how the gateway maps the errors of the upstream to gRPC status codes and reasons, on one page.

        Fields:
            name: The provider, as `providers/{provider}`.
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
        """Lists the configured providers, ordered by name.

        Fields:
            page_size: The maximum number of providers on a page, 1 to 1,000.
            page_token: The `next_page_token` of the previous page.
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
        """Returns one provider with its state.

        Fields:
            name: The provider, as `providers/{provider}`.
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
        """Makes one read-only call to the upstream and returns the provider with the state that this call found.

        Fields:
            name: The provider, as `providers/{provider}`.
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
        """Lists how the gateway maps the errors of the upstream to gRPC status codes and reasons, on one page.

        Fields:
            name: The provider, as `providers/{provider}`.
        """
        return call(self.ListStatusMappings, ListStatusMappingsRequest, request, arguments)
