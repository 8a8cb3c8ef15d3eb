"""Certificate Manager: settings of each version, and every row of the status table."""

import pytest
from google.rpc import code_pb2
from pydantic import ValidationError

from gateway import gateway_settings
from gateway.config.base import ConfigError
from gateway.errors import UpstreamError
from gateway.providers.base.listing import ListWindow
from gateway.providers.base.provider import implemented_operations, operations_of
from gateway.providers.base.status_table import HTTP_ROWS
from gateway.providers.nhn_certificate_manager.adapter import CertificateManager
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from gateway.providers.nhn_certificate_manager.status_table import STATUS_TABLE
from gateway.redaction import DEFAULT_REDACTION
from gateway.upstream import outcomes
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.certificate_manager import APP_KEY, LIST, NAME, call, failed, page, provider
from tests.support.scripted_upstream import Body, ScriptedUpstream

INVALID, PRECONDITION, NOT_FOUND = code_pb2.INVALID_ARGUMENT, code_pb2.FAILED_PRECONDITION, code_pb2.NOT_FOUND

DOCUMENTED = [
    (52000, NOT_FOUND, NOT_FOUND, "CERTIFICATE_NOT_FOUND"),
    (52001, NOT_FOUND, NOT_FOUND, "CERTIFICATE_FILE_NOT_FOUND"),
    (52002, PRECONDITION, PRECONDITION, "MULTIPLE_CERTIFICATE_FILES"),
    (52003, INVALID, PRECONDITION, "NOT_A_PEM_FILE"),
    (52004, INVALID, PRECONDITION, "CERTIFICATE_NAME_MISMATCH"),
    (52005, PRECONDITION, PRECONDITION, "CERTIFICATE_EXPIRED"),
    (52006, INVALID, PRECONDITION, "INVALID_CERTIFICATE_AUTHORITY"),
    (52007, INVALID, INVALID, "NOT_EXACTLY_ONE_FILE"),
    (52008, INVALID, INVALID, "FILE_TOO_LARGE"),
    (52009, NOT_FOUND, NOT_FOUND, "CERTIFICATE_NOT_FOUND"),
]

WINDOW = ListWindow(0, 10, service.CERTIFICATE_STATE_FILTER_ALL)

KEYS = {"user_access_key": {"id": "ID1", "secret": "SECRET1"}, "bearer_token": "TOKEN1"}


def files(version: str) -> str:
    return f"/certmanager/{version}/appkeys/app%2FKey%2B1/certificates/www.example.com/files"


async def uploading(body: Body, status: int) -> UpstreamError:
    async with ScriptedUpstream() as upstream, provider(upstream, api_version="v1.0") as adapter:
        upstream.answer("POST", files("v1.0"), status, body=body)
        request = service.UploadCertificateRequest(name=NAME, content=b"x")
        with pytest.raises(UpstreamError) as caught:
            await adapter.upload_certificate(request, call(repeatable=False))
    return caught.value


async def downloading(body: Body, status: int, headers: dict[str, str] | None = None) -> UpstreamError:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", files("v1.2"), status, headers, body)
        with pytest.raises(UpstreamError) as caught:
            await adapter.download_certificate(service.DownloadCertificateRequest(name=NAME), call())
    return caught.value


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(("code", "upload", "download", "reason"), DOCUMENTED)
async def test_documented_code_has_its_kind_and_meaning(
    code: int, upload: int, download: int, reason: str, status: int
) -> None:
    for error, expected in (
        (await uploading(failed(code), status), upload),
        (await downloading(failed(str(code), body={}), status), download),
    ):
        assert error.kind.code == expected
        assert reasons.ErrorReason.Name(error.kind.reason) == f"ERROR_REASON_{reason}"
        assert error.upstream_code == str(code)
        assert error.resource == (NAME if expected == NOT_FOUND else None)
        assert error.message.startswith(f"{NAME}: ")
        assert "vendor" not in error.message
        assert not error.kind.retryable


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (200, code_pb2.UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
        (400, code_pb2.UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
        (401, PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
        (403, PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
        (404, code_pb2.UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
        (429, code_pb2.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED"),
        (500, code_pb2.INTERNAL, "PROVIDER_INTERNAL"),
        (503, code_pb2.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("upstream_code", [52099, -1, None])
async def test_http_status_determines_the_kind_of_an_unknown_code(
    status: int, code: int, reason: str, upstream_code: int | None
) -> None:
    error = await downloading(failed(upstream_code), status)
    assert error.kind.code == code
    assert reasons.ErrorReason.Name(error.kind.reason) == f"ERROR_REASON_{reason}"
    assert error.upstream_code == (None if upstream_code is None else str(upstream_code))
    assert error.upstream_message == DEFAULT_REDACTION.placeholder("The vendor's words.")


@pytest.mark.parametrize("body", [b"", b"<html><b>no</b></html>", b"{}", b"plain"])
@pytest.mark.parametrize("status", [401, 403, 404, 418, 429, 500, 502, 503, 504])
async def test_http_status_determines_the_kind_without_an_envelope(status: int, body: bytes) -> None:
    error = await downloading(body, status)
    assert error.kind == outcomes.for_http_status(status)
    assert error.metadata == {"provider": "nhn", "http_status": str(status)}
    assert error.upstream_message is None


@pytest.mark.parametrize(("status", "kept"), [(429, 7.0), (503, 7.0), (502, 7.0)])
async def test_retry_after_is_kept(status: int, kept: float) -> None:
    error = await downloading(b"", status, {"Retry-After": "7"})
    assert error.retry_after == kept


async def test_failed_list_names_the_provider() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=failed(52000, f"<p>{APP_KEY}</p>"))
        with pytest.raises(UpstreamError) as caught:
            await adapter.list_certificates(WINDOW, call())
    assert caught.value.message.startswith("providers/nhn: ")
    assert caught.value.resource is None
    assert caught.value.upstream_message == DEFAULT_REDACTION.placeholder(f"<p>{APP_KEY}</p>")


async def test_unreadable_success_with_a_failure_status_is_that_failure() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, 503, body=page(totalCount=None))
        with pytest.raises(UpstreamError) as caught:
            await adapter.list_certificates(WINDOW, call())
    assert caught.value.kind == outcomes.UNAVAILABLE


def test_status_table_has_every_code_and_the_shared_rows() -> None:
    rows = STATUS_TABLE.rows
    listed = [(row.upstream_code, row.kind.code) for row in rows]
    for code, upload, download, _ in DOCUMENTED:
        assert {found for number, found in listed if number == str(code)} == {upload, download}
    assert rows[-len(HTTP_ROWS) :] == HTTP_ROWS
    assert all(row.meaning for row in rows)


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        ("v1.0", {}),
        ("v1.1", {"X-TC-AUTHENTICATION-ID": "ID1", "X-TC-AUTHENTICATION-SECRET": "SECRET1"}),
        ("v1.2", {}),
        ("v1.3", {"X-NHN-AUTHORIZATION": "Bearer TOKEN1"}),
    ],
)
async def test_each_api_version_receives_only_its_own_credential(version: str, sent: dict[str, str]) -> None:
    path = f"/certmanager/{version}/appkeys/app%2FKey%2B1/certificates"
    async with ScriptedUpstream() as upstream, provider(upstream, api_version=version, **KEYS) as adapter:
        assert (adapter.id, adapter.type, adapter.api_version) == ("nhn", "nhn-certificate-manager", version)
        upstream.answer("GET", path, body=page())
        await adapter.list_certificates(WINDOW, call())
        headers = upstream.requests[0].headers
    names = ("X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET", "X-NHN-AUTHORIZATION")
    assert {name: headers[name] for name in names if name in headers} == sent


@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v1.2", "v1.3"])
def test_only_v1_0_has_uploads(version: str) -> None:
    settings = CertificateManagerSettings.model_validate(
        {"id": "a", "type": "nhn-certificate-manager", "app_key": "k", "api_version": version} | KEYS
    )
    adapter = CertificateManager(settings)
    missing = implemented_operations(CertificateManager) - operations_of(adapter).keys()
    assert missing == (set() if version == "v1.0" else {"upload_certificate"})


@pytest.mark.parametrize(("version", "key"), [("v1.1", "user_access_key"), ("v1.3", "bearer_token")])
def test_api_version_without_its_credential_is_rejected(version: str, key: str) -> None:
    item = {"id": "a", "type": "nhn-certificate-manager", "app_key": "k1", "api_version": version}
    types = {"nhn-certificate-manager": CertificateManagerSettings}
    with pytest.raises(ConfigError, match=rf"^providers\[0\]: api_version {version} requires {key}$"):
        gateway_settings.parse({"providers": [item]}, types)


def test_settings_have_defaults() -> None:
    make = CertificateManagerSettings.model_validate
    data = {"id": "a", "type": "nhn-certificate-manager", "app_key": "k"}
    settings = make(data)
    assert (settings.api_version, str(settings.timezone)) == ("v1.2", "Asia/Seoul")
    assert settings.endpoint == "https://certmanager.api.nhncloudservice.com"
    assert make(data | {"api_version": "v1.0"}).endpoint == "https://api-certificate-manager.cloud.toast.com"
    assert make(data | {"endpoint": "http://127.0.0.1:1/x"}).endpoint == "http://127.0.0.1:1/x"
    for wrong in ({"api_version": "v2"}, {"app_key": ""}, {"endpoint": "ftp://a"}, {"unknown": 1}, {"timezone": "X"}):
        with pytest.raises(ValidationError):
            make(data | wrong)


def test_settings_do_not_print_secrets() -> None:
    settings = CertificateManagerSettings.model_validate(
        {"id": "a", "type": "nhn-certificate-manager", "app_key": "APPKEY1"} | KEYS
    )
    printed = repr(settings) + str(settings) + repr(CertificateManager(settings))
    assert not any(secret in printed for secret in ("APPKEY1", "ID1", "SECRET1", "TOKEN1"))
