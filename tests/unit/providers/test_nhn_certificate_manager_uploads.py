"""Uploads to Certificate Manager: the request, its limits, and its responses."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from google.rpc import code_pb2

from gateway.errors import ErrorKind, InvalidRequest, MalformedResponse, UpstreamError
from gateway.providers.nhn_certificate_manager.adapter import CertificateManager
from gateway.redaction import DEFAULT_REDACTION
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.certificate_manager import (
    NAME,
    SUCCESS,
    call,
    failed,
    provider,
)
from tests.support.scripted_upstream import Body, ReceivedRequest, ScriptedUpstream
from tests.support.x509_chain import chain, key_pem

V10_FILES = "/certmanager/v1.0/appkeys/app%2FKey%2B1/certificates/www.example.com/files"
KEY = key_pem(chain().key).decode()


async def upload(
    request: service.UploadCertificateRequest, body: Body, status: int = 200
) -> tuple[service.UploadCertificateResponse, ReceivedRequest]:
    async with ScriptedUpstream() as upstream, provider(upstream, api_version="v1.0") as adapter:
        assert isinstance(adapter, CertificateManager)
        upstream.answer("POST", V10_FILES, status, body=body)
        return await adapter.upload_certificate(request, call(repeatable=False)), upstream.requests[0]


@pytest.mark.parametrize(("filename", "sent"), [("", "www.example.com.pem"), ('a "b".pem', "a %22b%22.pem")])
async def test_upload_is_a_form_with_one_file(filename: str, sent: str) -> None:
    request = service.UploadCertificateRequest(name=NAME, content=chain().pem(), filename=filename)
    answer, received = await upload(request, {"header": SUCCESS, "body": None})
    assert answer == service.UploadCertificateResponse()
    head = f"Content-Type: {received.headers['Content-Type']}\r\n\r\n".encode()
    form = message_from_bytes(head + received.body, policy=policy.HTTP)
    assert isinstance(form, EmailMessage)
    assert form.get_content_type() == "multipart/form-data"
    (part,) = form.iter_parts()
    assert part["Content-Disposition"] == f'form-data; name="file"; filename="{sent}"'
    assert chain().pem() in received.body
    assert received.headers["Content-Length"] == str(len(received.body))


async def test_file_over_the_limit_is_not_sent() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream, api_version="v1.0") as adapter:
        assert isinstance(adapter, CertificateManager)
        request = service.UploadCertificateRequest(name=NAME, content=bytes(512 * 1024 + 1))
        with pytest.raises(InvalidRequest) as caught:
            await adapter.upload_certificate(request, call(repeatable=False))
        assert upstream.requests == []
    (violation,) = caught.value.violations
    assert caught.value.kind == ErrorKind(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_FILE_TOO_LARGE)
    assert caught.value.metadata == {"provider": "nhn", "maximum_bytes": "524288", "requested_bytes": "524289"}
    assert (violation.field, violation.reason) == ("content", reasons.ERROR_REASON_FILE_TOO_LARGE)
    assert "524288" in violation.description
    assert "524289" in violation.description


async def test_file_of_the_maximum_size_is_sent() -> None:
    request = service.UploadCertificateRequest(name=NAME, content=bytes(512 * 1024))
    _, received = await upload(request, {"header": SUCCESS, "body": {}})
    assert len(received.body) > 512 * 1024


async def test_key_material_in_the_response_is_replaced() -> None:
    line = KEY.splitlines()[3]
    request = service.UploadCertificateRequest(name=NAME, content=chain().pem())
    with pytest.raises(UpstreamError) as caught:
        await upload(request, failed(52003, text := f"not a pem: {line} for app/Key+1 or app%2FKey%2B1"))
    assert caught.value.upstream_message == DEFAULT_REDACTION.placeholder(text)


@pytest.mark.parametrize("body", [b"", b"<html>", {"header": {}}])
async def test_unconfirmed_upload_is_malformed(body: Body) -> None:
    with pytest.raises(MalformedResponse):
        await upload(service.UploadCertificateRequest(name=NAME, content=b"x"), body)


@pytest.mark.parametrize(
    ("message", "sizes"),
    [
        ("Maximum permitted size is 524288 bytes. But, requested 600000 bytes.", ("524288", "600000")),
        ("The maximum permitted size is 524,288 bytes. However, the requested 600,000 bytes.", ("524288", "600000")),
        ("Maximum permitted size is {} bytes. But, requested {} bytes.", None),
        ("too large", None),
    ],
)
async def test_sizes_in_52008_are_metadata(message: str, sizes: tuple[str, str] | None) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upload(service.UploadCertificateRequest(name=NAME, content=b"x"), failed(52008, message), 400)
    metadata = caught.value.metadata
    assert caught.value.kind.reason == reasons.ERROR_REASON_FILE_TOO_LARGE
    assert (metadata.get("maximum_bytes"), metadata.get("requested_bytes")) == (sizes or (None, None))
