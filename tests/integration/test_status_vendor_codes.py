"""Vendor error codes through a real gateway: one case for each error kind, and the published status table.

The contract suite and the unit tests of each provider test every code of its status table.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from google.rpc import code_pb2

from gateway.demo import DEMO_PROVIDERS
from gateway.providers.base.status_table import StatusTable
from gateway.providers.catalog import Catalog
from keyway.v1 import provider_service_pb2
from keyway.v1.error_reason_pb2 import ErrorReason
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.wire import WireResource, failure_of


class CodeCase(NamedTuple):
    """A vendor code and its error kind. method: the call that receives it. path: the upstream call that returns it."""

    provider: str
    code: str
    status: str
    reason: str
    method: str
    path: str = ""
    resource: WireResource | None = None
    http_status: int = 200


CERTIFICATE = WireResource("keyway.dev/Certificate", "providers/nhn-certs/certificates/www.example.com")
SERVER = WireResource("keyway.dev/Certificate", "providers/asteria/certificates/server")
AUTHORITY = WireResource(
    "keyway.dev/TrustedAuthority",
    "providers/asteria/trustStores/server/authorities/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01",
)
KEY = WireResource("keyway.dev/Key", "providers/nhn-keys/keys/orders-key")
PAIR = WireResource("keyway.dev/Key", "providers/nhn-keys/keys/demo-rsa")

EMULATORS = {provider["id"]: provider["type"] for provider in DEMO_PROVIDERS}

CASES = (
    CodeCase(CERTIFICATES, "52000", "NOT_FOUND", "CERTIFICATE_NOT_FOUND", "DownloadCertificate", resource=CERTIFICATE),
    CodeCase(
        CERTIFICATES, "52001", "NOT_FOUND", "CERTIFICATE_FILE_NOT_FOUND", "DownloadCertificate", resource=CERTIFICATE
    ),
    CodeCase(CERTIFICATES, "52002", "FAILED_PRECONDITION", "MULTIPLE_CERTIFICATE_FILES", "DownloadCertificate"),
    CodeCase(CERTIFICATES, "52003", "INVALID_ARGUMENT", "NOT_A_PEM_FILE", "UploadCertificate"),
    CodeCase(CERTIFICATES, "52003", "FAILED_PRECONDITION", "NOT_A_PEM_FILE", "DownloadCertificate"),
    CodeCase(CERTIFICATES, "52004", "INVALID_ARGUMENT", "CERTIFICATE_NAME_MISMATCH", "UploadCertificate"),
    CodeCase(CERTIFICATES, "52004", "FAILED_PRECONDITION", "CERTIFICATE_NAME_MISMATCH", "DownloadCertificate"),
    CodeCase(CERTIFICATES, "52005", "FAILED_PRECONDITION", "CERTIFICATE_EXPIRED", "UploadCertificate"),
    CodeCase(CERTIFICATES, "52006", "INVALID_ARGUMENT", "INVALID_CERTIFICATE_AUTHORITY", "UploadCertificate"),
    CodeCase(CERTIFICATES, "52006", "FAILED_PRECONDITION", "INVALID_CERTIFICATE_AUTHORITY", "DownloadCertificate"),
    CodeCase(CERTIFICATES, "52007", "INVALID_ARGUMENT", "NOT_EXACTLY_ONE_FILE", "UploadCertificate"),
    CodeCase(CERTIFICATES, "52008", "INVALID_ARGUMENT", "FILE_TOO_LARGE", "UploadCertificate"),
    CodeCase(WARP, "2002", "INVALID_ARGUMENT", "MISSING_PARAMETER", "ImportCertificate", "/import$", http_status=400),
    CodeCase(WARP, "2003", "INVALID_ARGUMENT", "INVALID_PARAMETER", "DownloadCertificate", "/export$", http_status=400),
    CodeCase(WARP, "2004", "INVALID_ARGUMENT", "PASSWORD_TOO_SHORT", "ImportCertificate", "/import$", http_status=400),
    CodeCase(
        WARP, "2202", "INVALID_ARGUMENT", "INVALID_UPLOAD", "ImportTrustedAuthority", "/ca/import$", http_status=400
    ),
    CodeCase(
        WARP,
        "2204",
        "INVALID_ARGUMENT",
        "UNPARSABLE_CERTIFICATE",
        "InstallSignedCertificate",
        "/upload$",
        http_status=400,
    ),
    CodeCase(
        WARP, "2401", "PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT", "GetCertificate", "/show$", http_status=400
    ),
    CodeCase(
        WARP,
        "2801",
        "FAILED_PRECONDITION",
        "PUBLIC_KEY_MISMATCH",
        "InstallSignedCertificate",
        "/upload$",
        http_status=400,
    ),
    CodeCase(
        WARP,
        "3001",
        "FAILED_PRECONDITION",
        "PROVIDER_CREDENTIALS_REJECTED",
        "GetCertificate",
        "/show$",
        http_status=403,
    ),
    CodeCase(WARP, "4012", "NOT_FOUND", "AUTHORITY_NOT_FOUND", "GetTrustedAuthority", "/ca/show$", AUTHORITY, 403),
    CodeCase(
        WARP, "5001", "INTERNAL", "PROVIDER_STORAGE", "GetCertificateSigningRequest", "/download$", http_status=500
    ),
    CodeCase(
        WARP, "5101", "UNAVAILABLE", "PROVIDER_INTERNAL_COMMUNICATION", "DeleteCertificate", "/delete$", http_status=500
    ),
    CodeCase(WARP, "5102", "INTERNAL", "PROVIDER_INTERNAL", "CheckCertificate", "/exist$", http_status=500),
    CodeCase(
        WARP,
        "5303",
        "INTERNAL",
        "PROVIDER_CERTIFICATE_UNREADABLE",
        "ListTrustedAuthorities",
        "/ca/list$",
        http_status=500,
    ),
    CodeCase(WARP, "5305", "INTERNAL", "PROVIDER_KEYSTORE", "DeleteTrustedAuthority", "/ca/delete$", http_status=500),
    CodeCase(WARP, "5307", "INTERNAL", "PROVIDER_KEY_GENERATION", "CreateCertificate", "/create$", http_status=500),
    CodeCase(WARP, "5310", "NOT_FOUND", "CSR_NOT_FOUND", "GetCertificateSigningRequest", "/csr/download$", SERVER, 500),
    CodeCase(KEYS, "Invalid Key ID", "NOT_FOUND", "KEY_NOT_FOUND", "Encrypt", resource=KEY, http_status=400),
    CodeCase(
        KEYS,
        "Invalid Key Version",
        "NOT_FOUND",
        "KEY_VERSION_NOT_FOUND",
        "GetPrivateKey",
        resource=PAIR,
        http_status=400,
    ),
    CodeCase(KEYS, "Invalid User Data", "INVALID_ARGUMENT", "INVALID_USER_DATA", "Decrypt", http_status=400),
    CodeCase(
        KEYS, "Invalid Key Status", "FAILED_PRECONDITION", "KEY_NOT_ACTIVE", "Sign", resource=PAIR, http_status=400
    ),
    CodeCase(KEYS, "URL NOT FOUND", "UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND", "GetClientInfo", http_status=404),
)


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway with a Certificate Manager that accepts uploads."""
    stack = seeded_stack
    first = stack.provider(CERTIFICATES, api_version="v1.0")
    async with Gateway(stack.settings(first, stack.provider(KEYS), stack.provider(WARP))) as served:
        yield served


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.reason} {case.code}")
async def test_vendor_code_becomes_the_documented_status(quiet_stack: Stack, gateway: Gateway, case: CodeCase) -> None:
    await quiet_stack.controls[EMULATORS[case.provider]].fail(code=case.code, path=case.path or None, count=2)

    failure = await failure_of(call(gateway, case.method, valid_request(case.method, case.provider)))

    assert failure.kind == (case.status, case.reason)
    metadata = {"provider": case.provider, "upstream_code": case.code, "http_status": str(case.http_status)}
    assert {name: failure.metadata.get(name) for name in metadata} == metadata
    assert failure.resource == case.resource
    assert failure.retry is None
    assert not failure.violations


def status_tables(stack: Stack) -> dict[str, StatusTable]:
    return {provider.id: provider.status_table for provider in Catalog.of(stack.settings().providers)}


def test_every_error_kind_that_only_vendor_codes_have_has_a_case(running_stack: Stack) -> None:
    rows = [row for table in status_tables(running_stack).values() for row in table.rows]
    kinds = {row.kind for row in rows} - {row.kind for row in rows if row.shared}
    names = {(code_pb2.Code.Name(kind.code), ErrorReason.Name(kind.reason)) for kind in kinds}
    assert names <= {(case.status, f"ERROR_REASON_{case.reason}") for case in CASES}


@pytest.mark.parametrize("provider", [provider["id"] for provider in DEMO_PROVIDERS])
async def test_list_status_mappings_returns_the_status_table(quiet_stack: Stack, provider: str) -> None:
    request = provider_service_pb2.ListStatusMappingsRequest(name=f"providers/{provider}")
    printed = (await quiet_stack.gateway.providers.ListStatusMappings(request)).mappings
    rows = status_tables(quiet_stack)[provider].rows
    assert [(row.upstream_code, row.upstream_meaning, row.code, row.reason, row.retryable) for row in printed] == [
        (row.upstream_code, row.meaning, row.kind.code, row.kind.reason, row.kind.retryable) for row in rows
    ]


async def test_file_that_is_too_large_reports_both_sizes(quiet_stack: Stack, gateway: Gateway) -> None:
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(code="52008")

    failure = await failure_of(call(gateway, "UploadCertificate"))

    assert failure.metadata["maximum_bytes"] == "524288"
    assert failure.metadata["requested_bytes"] == "524289"
