"""Every documented code of every vendor, provoked over the wire; the tables below are copied from the status page.

The first test holds them against what the gateway itself prints, so neither side can have a row that the other lacks.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from google.rpc import code_pb2

from keyway.v1 import provider_service_pb2
from keyway.v1.error_reason_pb2 import ErrorReason
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.wire import Resource, failure_of


class Row(NamedTuple):
    """One documented code. method: whose call provokes it; path: of the upstream call that answers with it."""

    code: str
    status: str
    reason: str
    method: str
    path: str = ""
    resource: Resource | None = None
    http_status: int = 200


CERTIFICATE = Resource("keyway.dev/Certificate", "providers/nhn-certs/certificates/www.example.com")
SERVER = Resource("keyway.dev/Certificate", "providers/asteria/certificates/server")
AUTHORITY = Resource(
    "keyway.dev/TrustedAuthority",
    "providers/asteria/trustStores/server/authorities/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01",
)
KEY = Resource("keyway.dev/Key", "providers/nhn-keys/keys/orders-key")
PAIR = Resource("keyway.dev/Key", "providers/nhn-keys/keys/demo-rsa")

CERTIFICATE_MANAGER_ROWS = (
    Row("52000", "NOT_FOUND", "CERTIFICATE_NOT_FOUND", "DownloadCertificate", resource=CERTIFICATE),
    Row("52001", "NOT_FOUND", "CERTIFICATE_FILE_NOT_FOUND", "DownloadCertificate", resource=CERTIFICATE),
    Row("52002", "FAILED_PRECONDITION", "MULTIPLE_CERTIFICATE_FILES", "DownloadCertificate"),
    Row("52003", "INVALID_ARGUMENT", "NOT_A_PEM_FILE", "UploadCertificate"),
    Row("52003", "FAILED_PRECONDITION", "NOT_A_PEM_FILE", "DownloadCertificate"),
    Row("52004", "INVALID_ARGUMENT", "CERTIFICATE_NAME_MISMATCH", "UploadCertificate"),
    Row("52004", "FAILED_PRECONDITION", "CERTIFICATE_NAME_MISMATCH", "DownloadCertificate"),
    Row("52005", "FAILED_PRECONDITION", "CERTIFICATE_EXPIRED", "UploadCertificate"),
    Row("52006", "INVALID_ARGUMENT", "INVALID_CERTIFICATE_AUTHORITY", "UploadCertificate"),
    Row("52006", "FAILED_PRECONDITION", "INVALID_CERTIFICATE_AUTHORITY", "DownloadCertificate"),
    Row("52007", "INVALID_ARGUMENT", "NOT_EXACTLY_ONE_FILE", "UploadCertificate"),
    Row("52008", "INVALID_ARGUMENT", "FILE_TOO_LARGE", "UploadCertificate"),
    Row("52009", "NOT_FOUND", "CERTIFICATE_NOT_FOUND", "DownloadCertificate", resource=CERTIFICATE, http_status=404),
)

ASTERIA_ROWS = (
    Row("2002", "INVALID_ARGUMENT", "MISSING_PARAMETER", "ImportCertificate", "/import$", http_status=400),
    Row("2003", "INVALID_ARGUMENT", "INVALID_PARAMETER", "DownloadCertificate", "/export$", http_status=400),
    Row("2004", "INVALID_ARGUMENT", "PASSWORD_TOO_SHORT", "ImportCertificate", "/import$", http_status=400),
    Row("2101", "INVALID_ARGUMENT", "INVALID_PARAMETER", "CreateCertificate", "/create$", http_status=400),
    Row("2102", "INVALID_ARGUMENT", "MISSING_PARAMETER", "CreateCertificate", "/create$", http_status=400),
    Row("2103", "INVALID_ARGUMENT", "INVALID_PARAMETER", "CreateCertificate", "/create$", http_status=400),
    Row("2107", "INVALID_ARGUMENT", "PASSWORD_TOO_SHORT", "CreateCertificate", "/create$", http_status=400),
    Row("2202", "INVALID_ARGUMENT", "INVALID_UPLOAD", "ImportTrustedAuthority", "/ca/import$", http_status=400),
    Row("2203", "INVALID_ARGUMENT", "INVALID_UPLOAD", "ImportCertificate", "/import$", http_status=400),
    Row("2204", "INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE", "InstallSignedCertificate", "/upload$", http_status=400),
    Row("2301", "INVALID_ARGUMENT", "INVALID_UPLOAD", "InstallSignedCertificate", "/upload$", http_status=400),
    Row("2401", "PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT", "GetCertificate", "/show$", http_status=400),
    Row("2801", "FAILED_PRECONDITION", "PUBLIC_KEY_MISMATCH", "InstallSignedCertificate", "/upload$", http_status=400),
    Row("2802", "FAILED_PRECONDITION", "CERTIFICATE_EXPIRED", "ImportTrustedAuthority", "/ca/import$", http_status=400),
    Row("3001", "FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", "GetCertificate", "/show$", http_status=403),
    Row("4012", "NOT_FOUND", "CERTIFICATE_NOT_FOUND", "DeleteCertificate", "/delete$", SERVER, 403),
    Row("4012", "NOT_FOUND", "AUTHORITY_NOT_FOUND", "GetTrustedAuthority", "/ca/show$", AUTHORITY, 403),
    Row("5001", "INTERNAL", "PROVIDER_STORAGE", "GetCertificateSigningRequest", "/download$", http_status=500),
    Row("5002", "INTERNAL", "PROVIDER_STORAGE", "DownloadCertificate", "/export$", http_status=500),
    Row("5006", "INTERNAL", "PROVIDER_STORAGE", "DownloadCertificate", "/export$", http_status=500),
    Row("5101", "UNAVAILABLE", "PROVIDER_INTERNAL_COMMUNICATION", "DeleteCertificate", "/delete$", http_status=500),
    Row("5102", "INTERNAL", "PROVIDER_INTERNAL", "CheckCertificate", "/exist$", http_status=500),
    Row("5303", "INTERNAL", "PROVIDER_CERTIFICATE_UNREADABLE", "ListTrustedAuthorities", "/ca/list$", http_status=500),
    Row("5304", "INTERNAL", "PROVIDER_CERTIFICATE_UNREADABLE", "GetTrustedAuthority", "/ca/show$", http_status=500),
    Row("5305", "INTERNAL", "PROVIDER_KEYSTORE", "DeleteTrustedAuthority", "/ca/delete$", http_status=500),
    Row("5306", "INTERNAL", "PROVIDER_KEYSTORE", "DeleteCertificate", "/delete$", http_status=500),
    Row("5307", "INTERNAL", "PROVIDER_KEY_GENERATION", "CreateCertificate", "/create$", http_status=500),
    Row("5308", "INTERNAL", "PROVIDER_KEY_GENERATION", "CreateCertificate", "/create$", http_status=500),
    Row("5309", "INTERNAL", "PROVIDER_KEY_GENERATION", "CreateCertificate", "/create$", http_status=500),
    Row(
        "5310",
        "NOT_FOUND",
        "CSR_NOT_FOUND",
        "GetCertificateSigningRequest",
        "/csr/download$",
        SERVER,
        500,
    ),
)

KEY_MANAGER_ROWS = (
    Row("Invalid Key ID", "NOT_FOUND", "KEY_NOT_FOUND", "Encrypt", resource=KEY, http_status=400),
    Row("Invalid Key Version", "NOT_FOUND", "KEY_VERSION_NOT_FOUND", "GetPrivateKey", resource=PAIR, http_status=400),
    Row("Invalid User Data", "INVALID_ARGUMENT", "INVALID_USER_DATA", "Decrypt", http_status=400),
    Row("Invalid Key Status", "FAILED_PRECONDITION", "KEY_NOT_ACTIVE", "Sign", resource=PAIR, http_status=400),
    Row(
        "Invalid Key Version Status", "FAILED_PRECONDITION", "KEY_NOT_ACTIVE", "Verify", resource=PAIR, http_status=400
    ),
    Row("Invalid Appkey", "FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", "GetSecret", http_status=400),
    Row("IPv4 Auth Failure", "FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", "Encrypt", http_status=403),
    Row("MAC Auth Failure", "FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", "Encrypt", http_status=403),
    Row("Certificate Auth Failure", "FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", "Encrypt", http_status=403),
    Row("URL NOT FOUND", "UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND", "GetClientInfo", http_status=404),
)

TABLES = {
    (CERTIFICATE_MANAGER, CERTIFICATES): CERTIFICATE_MANAGER_ROWS,
    (ASTERIA, WARP): ASTERIA_ROWS,
    (KEY_MANAGER, KEYS): KEY_MANAGER_ROWS,
}
HTTP_ROWS = {
    "HTTP 401": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", False),
    "HTTP 403": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED", False),
    "HTTP 404": ("UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND", False),
    "HTTP 429": ("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED", True),
    "HTTP 502": ("UNAVAILABLE", "PROVIDER_UNAVAILABLE", False),
    "HTTP 503": ("UNAVAILABLE", "PROVIDER_UNAVAILABLE", False),
    "HTTP 504": ("UNAVAILABLE", "PROVIDER_UNAVAILABLE", False),
    "HTTP 5xx": ("INTERNAL", "PROVIDER_INTERNAL", False),
    "HTTP 4xx": ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR", False),
    "no connection": ("UNAVAILABLE", "PROVIDER_UNREACHABLE", True),
    "not asked": ("UNAVAILABLE", "PROVIDER_BUSY", True),
    "left alone": ("UNAVAILABLE", "PROVIDER_CIRCUIT_OPEN", True),
    "connection lost": ("UNAVAILABLE", "PROVIDER_CONNECTION_LOST", False),
    "TLS failure": ("FAILED_PRECONDITION", "PROVIDER_TLS_FAILED", False),
    "no answer in time": ("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT", False),
    "unreadable success": ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE", False),
    "unknown code": ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR", False),
}
"""Where there is no code: status, reason, and whether RetryInfo comes with every method."""


@pytest.mark.parametrize(("kind", "provider"), TABLES)
async def test_the_printed_table_is_the_documented_one(quiet_stack: Stack, kind: str, provider: str) -> None:
    request = provider_service_pb2.ListStatusMappingsRequest(name=f"providers/{provider}")
    printed = (await quiet_stack.gateway.providers.ListStatusMappings(request)).mappings

    rows = [
        (
            row.upstream_code,
            code_pb2.Code.Name(row.code),
            ErrorReason.Name(row.reason).removeprefix("ERROR_REASON_"),
            row.retryable,
        )
        for row in printed
    ]
    documented = [(row.code, row.status, row.reason, False) for row in TABLES[kind, provider]]
    shared = [(answer, *outcome) for answer, outcome in HTTP_ROWS.items()]
    assert sorted(rows) == sorted(documented + shared)
    assert all(row.upstream_meaning for row in printed)


CASES = [
    pytest.param(kind, provider, row, id=f"{provider} {row.code} {row.method}")
    for (kind, provider), table in TABLES.items()
    for row in table
]


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """A gateway whose Certificate Manager takes uploads."""
    stack = seeded_stack
    first = stack.provider(CERTIFICATES, api_version="v1.0")
    async with Gateway(stack.settings(first, stack.provider(KEYS), stack.provider(WARP))) as served:
        yield served


@pytest.mark.parametrize(("kind", "provider", "row"), CASES)
async def test_a_documented_code_becomes_its_status(
    quiet_stack: Stack, gateway: Gateway, kind: str, provider: str, row: Row
) -> None:
    await quiet_stack.controls[kind].fail(code=row.code, path=row.path or None, count=2)

    failure = await failure_of(call(gateway, row.method, valid_request(row.method, provider)))

    assert failure.kind == (row.status, row.reason)
    metadata = {"provider": provider, "upstream_code": row.code, "http_status": str(row.http_status)}
    assert {name: failure.metadata.get(name) for name in metadata} == metadata
    assert failure.resource == row.resource
    assert failure.retry is None
    assert not failure.violations


async def test_a_file_that_is_too_large_says_both_sizes(quiet_stack: Stack, gateway: Gateway) -> None:
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(code="52008")

    failure = await failure_of(call(gateway, "UploadCertificate"))

    assert failure.metadata["maximum_bytes"] == "524288"
    assert failure.metadata["requested_bytes"] == "524289"
