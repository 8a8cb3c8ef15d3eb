"""Certificate files of Certificate Manager: downloads, responses that are not files, and FULL views."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.errors import MalformedResponse, UpstreamError
from gateway.providers.base import x509
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support import x509_chain
from tests.support.parsed import all_parsed, parsed
from tests.support.providers.certificate_manager import (
    FILES,
    FIRST_PAGE,
    LIST,
    NAME,
    SUCCESS,
    call,
    failed,
    page,
    provider,
    row,
)
from tests.support.scripted_upstream import Body, ScriptedUpstream
from tests.support.x509_chain import chain, key_pem

ATTACHMENT = {"Content-Type": "application/octet-stream", "Content-Disposition": 'attachment; filename="my.pem"'}
V10_FILES = "/certmanager/v1.0/appkeys/app%2FKey%2B1/certificates/www.example.com/files"
KEY = key_pem(chain().key).decode()
PEMS = [x509_chain.pem(certificate).decode() for certificate in chain().certificates]


async def download(
    body: Body,
    request: service.DownloadCertificateRequest | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> service.DownloadCertificateResponse:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", FILES, status, ATTACHMENT if headers is None else headers, body)
        full_request = service.DownloadCertificateRequest(name=NAME)
        full_request.MergeFrom(request or service.DownloadCertificateRequest())
        return await adapter.download_certificate(full_request, call())


async def test_download_returns_the_chain_as_pem() -> None:
    assert await download(chain().pem()) == service.DownloadCertificateResponse(
        content="".join(PEMS).encode(),
        filename="my.pem",
        media_type="application/pem-certificate-chain",
        certificate_chain=PEMS,
    )


async def test_private_key_is_returned_only_on_request() -> None:
    answer = await download(chain().pem(), service.DownloadCertificateRequest(include_private_key=True))
    assert answer.private_key_pem == KEY
    assert b"PRIVATE" not in answer.content
    for form in service.CertificateFormat.values():
        plain = await download(chain().pem(), service.DownloadCertificateRequest(format=form))
        assert not plain.private_key_pem
        assert KEY.splitlines()[1].encode() not in plain.SerializeToString()


@pytest.mark.parametrize(
    ("key", "label"),
    [
        (key_pem(chain().key, PrivateFormat.PKCS8), "PRIVATE KEY"),
        (key_pem(chain().key, PrivateFormat.PKCS8, b"secret"), "ENCRYPTED PRIVATE KEY"),
        (key_pem(chain().key, PrivateFormat.TraditionalOpenSSL, b"secret"), "RSA PRIVATE KEY"),
        (key_pem(chain().key), "RSA PRIVATE KEY"),
    ],
    ids=["pkcs8", "encrypted-pkcs8", "encrypted-pkcs1", "pkcs1"],
)
async def test_private_key_in_any_format_is_returned_unchanged(key: bytes, label: str) -> None:
    file = b"".join(map(x509_chain.pem, chain().certificates)) + key
    answer = await download(file, service.DownloadCertificateRequest(include_private_key=True))
    assert answer.private_key_pem == key.decode()
    assert answer.private_key_pem.startswith(f"-----BEGIN {label}-----")
    assert answer.private_key_unchecked == (b"ENCRYPTED" in key)


async def test_a_key_of_another_certificate_is_not_returned() -> None:
    file = b"".join(map(x509_chain.pem, chain().certificates)) + key_pem(x509_chain.elliptic_key())
    with pytest.raises(MalformedResponse, match="private key in the file belongs to none of its certificates"):
        await download(file, service.DownloadCertificateRequest(include_private_key=True))
    answer = await download(file, service.DownloadCertificateRequest())
    assert list(answer.certificate_chain) == PEMS


async def test_unordered_file_with_repetitions_and_without_a_key_is_downloaded() -> None:
    file = "\r\n".join(["\ufeffsome text", *PEMS[::-1], *PEMS]).encode()
    answer = await download(file, service.DownloadCertificateRequest(include_private_key=True))
    assert list(answer.certificate_chain) == PEMS
    assert answer.private_key_pem == ""


async def test_der_download_is_the_leaf() -> None:
    request = service.DownloadCertificateRequest(format=service.CERTIFICATE_FORMAT_DER)
    answer = await download(chain().pem(), request)
    assert answer.content == chain().leaf.public_bytes(Encoding.DER)
    assert (answer.filename, answer.media_type) == ("my.der", "application/pkix-cert")
    assert list(answer.certificate_chain) == PEMS


async def test_pkcs7_download_contains_all_certificates() -> None:
    request = service.DownloadCertificateRequest(format=service.CERTIFICATE_FORMAT_PKCS7_PEM)
    answer = await download(chain().pem(), request)
    assert answer.content.startswith(b"-----BEGIN PKCS7-----\n")
    assert set(x509.read_certificates(answer.content)) == set(all_parsed(chain().certificates))
    assert (answer.filename, answer.media_type) == ("my.p7b", "application/x-pkcs7-certificates")


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ("attachment; filename*=UTF-8''%ED%95%9C.pem", "한.pem"),
        ('attachment; filename="한글.pem"', "한글.pem"),
        ('attachment; filename="../../etc/passwd"', "passwd.pem"),
        ("attachment", "www.example.com.pem"),
        (None, "www.example.com.pem"),
    ],
)
async def test_file_name_comes_from_the_header_or_the_certificate(disposition: str | None, filename: str) -> None:
    headers = {} if disposition is None else {"Content-Disposition": disposition}
    assert (await download(chain().pem(), headers=headers)).filename == filename


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json;charset=UTF-8"}, ATTACHMENT, {"Content-Type": "text/html"}]
)
async def test_json_in_place_of_a_file_is_a_failure(status: int, headers: dict[str, str]) -> None:
    with pytest.raises(UpstreamError) as caught:
        await download(failed(52000, "Certificate name does not exist.", {}), status=status, headers=headers)
    error = caught.value
    assert error.kind.reason == reasons.ERROR_REASON_CERTIFICATE_NOT_FOUND
    assert error.metadata == {"provider": "nhn", "upstream_code": "52000", "http_status": str(status)}
    assert error.resource == NAME
    assert error.upstream_message == "Certificate name does not exist."
    assert error.message == f"{NAME}: no certificate has this name"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"{}",
        {"header": SUCCESS, "body": {}},
        {"header": SUCCESS, "body": None},
        PEMS[0].encode()[:-40],
        b"-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n",
        KEY.encode(),
        chain().leaf.public_bytes(Encoding.DER)[:-1],
    ],
    ids=["empty", "html", "json", "envelope", "null", "cut", "dots", "key alone", "cut DER"],
)
async def test_invalid_file_is_malformed(body: Body) -> None:
    with pytest.raises(MalformedResponse) as caught:
        await download(body)
    assert caught.value.metadata == {"provider": "nhn", "http_status": "200"}
    assert "MII" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND),
        (500, reasons.ERROR_REASON_PROVIDER_INTERNAL),
        (502, reasons.ERROR_REASON_PROVIDER_UNAVAILABLE),
    ],
)
async def test_file_with_a_failure_status_is_a_failure(status: int, reason: int) -> None:
    with pytest.raises(UpstreamError) as caught:
        await download(chain().pem(), status=status)
    assert caught.value.kind.reason == reason


async def test_name_is_percent_encoded_in_the_path() -> None:
    path = f"{LIST}/%2A.%ED%95%9C%20%3F%23%25%5C%22%3B/files"
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", path, headers={}, body=chain().pem())
        request = service.DownloadCertificateRequest(name='providers/nhn/certificates/*.한 ?#%\\";')
        answer = await adapter.download_certificate(request, call())
        assert [(item.method, item.target) for item in upstream.requests] == [("GET", path)]
    assert answer.filename == '";.pem'


async def test_full_view_combines_list_and_file() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()]))
        upstream.answer("GET", FILES, headers=ATTACHMENT, body=chain().pem())
        request = service.GetCertificateRequest(name=NAME, view=service.CERTIFICATE_VIEW_FULL)
        answer = await adapter.get_certificate(request, call())
        assert [item.target for item in upstream.requests] == [FIRST_PAGE, FILES]
    found = answer.certificate
    assert found.subject.text == "CN=www.example.com,O=Example,C=KR"
    assert found.not_after == Timestamp(seconds=int(x509_chain.NOT_AFTER.timestamp()))
    assert found.fingerprints == x509.fingerprints(parsed(chain().leaf))
    assert len(found.chain) == 3
    assert (found.authority, found.signature_algorithm) == ("NHN", "SHA256withRSA")
    assert found.expiration_date.year == 2999
    assert KEY.splitlines()[1].encode() not in answer.SerializeToString()


async def test_full_view_of_v1_0_has_the_domains_of_the_file() -> None:
    base = "/certmanager/v1.0/appkeys/app%2FKey%2B1/certificates"
    async with ScriptedUpstream() as upstream, provider(upstream, api_version="v1.0") as adapter:
        upstream.answer("GET", base, body=page([row(domains=None, expirationDate=None)]))
        upstream.answer("GET", V10_FILES, headers=ATTACHMENT, body=chain().pem())
        request = service.GetCertificateRequest(name=NAME, view=service.CERTIFICATE_VIEW_FULL)
        found = (await adapter.get_certificate(request, call())).certificate
    assert list(found.domains) == ["www.example.com", "*.example.com"]
    assert (found.expiration_date.year, found.expiration_date.day) == (2035, 26)
    assert found.state == certificates.CERTIFICATE_STATE_ACTIVE


async def test_full_view_without_a_file_is_an_error() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()]))
        upstream.answer("GET", FILES, body=failed(52001))
        request = service.GetCertificateRequest(name=NAME, view=service.CERTIFICATE_VIEW_FULL)
        with pytest.raises(UpstreamError) as caught:
            await adapter.get_certificate(request, call())
    assert caught.value.kind.reason == reasons.ERROR_REASON_CERTIFICATE_FILE_NOT_FOUND
