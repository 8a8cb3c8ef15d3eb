"""The API versions of Certificate Manager: the credentials in each version, and uploads in v1.0 only."""

from typing import Any

import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support.certificate_manager import certificate
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.valid_requests import call, valid_request
from tests.support.wire import failure_of

NEEDED: dict[str, dict[str, Any]] = {
    "v1.1": {"user_access_key": {"id": "demo-access-key", "secret": "demo-access-secret"}},
    "v1.2": {},
    "v1.3": {"bearer_token": "demo-token"},
}
EVERY_CREDENTIAL: dict[str, Any] = {**NEEDED["v1.1"], **NEEDED["v1.3"]}
ID_HEADER, SECRET_HEADER, TOKEN_HEADER = (
    "X-TC-AUTHENTICATION-ID",
    "X-TC-AUTHENTICATION-SECRET",
    "X-NHN-AUTHORIZATION",
)
HEADERS: dict[str, dict[str, str]] = {
    "v1.0": {},
    "v1.1": {ID_HEADER: "demo-access-key", SECRET_HEADER: "demo-access-secret"},
    "v1.2": {},
    "v1.3": {TOKEN_HEADER: "Bearer demo-token"},
}


@pytest.mark.parametrize("version", NEEDED)
async def test_later_version_rejects_uploads_without_an_upstream_call(quiet_stack: Stack, version: str) -> None:
    provider = quiet_stack.provider("nhn-certs", api_version=version, **NEEDED[version])
    async with Gateway(quiet_stack.settings(provider)) as later:
        request = service.UploadCertificateRequest(name=certificate("www.example.com"), content=b"x")
        failure = await failure_of(later.certificates.UploadCertificate(request))

    assert failure.kind == ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER")
    assert failure.message == (
        f"providers/nhn-certs (nhn-certificate-manager {version}) does not support UploadCertificate: "
        "Available only with `api_version` v1.0."
    )
    assert await quiet_stack.controls[CERTIFICATE_MANAGER].requests() == []


@pytest.mark.parametrize("version", HEADERS)
async def test_every_version_receives_only_its_own_credentials(quiet_stack: Stack, version: str) -> None:
    provider = quiet_stack.provider("nhn-certs", api_version=version, **EVERY_CREDENTIAL)
    async with Gateway(quiet_stack.settings(provider)) as gateway:
        listed = await call(gateway, "ListCertificates", valid_request("ListCertificates", "nhn-certs"))
        await call(gateway, "DownloadCertificate", valid_request("DownloadCertificate", "nhn-certs"))
        full = await call(gateway, "GetCertificate", valid_request("GetCertificate", "nhn-certs"))

    requests = await quiet_stack.controls[CERTIFICATE_MANAGER].requests()
    assert len(requests) == 4
    assert all(request["target"].startswith(f"/certmanager/{version}/appkeys/") for request in requests)
    for request in requests:
        headers = {name.upper(): value for name, value in request["headers"].items()}
        credentials = {name: headers[name] for name in (ID_HEADER, SECRET_HEADER, TOKEN_HEADER) if name in headers}
        assert credentials == HEADERS[version]
    assert bool(listed.certificates[0].domains) == (version in {"v1.2", "v1.3"})
    assert list(full.certificate.domains) == ["www.example.com", "example.com"]


@pytest.mark.parametrize(
    ("version", "credential"),
    [
        ("v1.0", {"app_key": "wrong-app-key"}),
        ("v1.1", {"user_access_key": {"id": "demo-access-key", "secret": "wrong-secret"}}),
        ("v1.3", {"bearer_token": "wrong-token"}),
    ],
)
async def test_wrong_credential_is_an_error_of_the_gateway_configuration(
    quiet_stack: Stack, version: str, credential: dict[str, object]
) -> None:
    provider = quiet_stack.provider("nhn-certs", api_version=version, **credential)
    async with Gateway(quiet_stack.settings(provider)) as gateway:
        failure = await failure_of(
            call(gateway, "DownloadCertificate", valid_request("DownloadCertificate", "nhn-certs"))
        )

    assert failure.kind == ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
    assert b"wrong-" not in failure.everything
