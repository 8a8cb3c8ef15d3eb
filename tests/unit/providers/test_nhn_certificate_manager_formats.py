"""Stored files of Certificate Manager in other formats than PEM, and files that the gateway does not support."""

import pytest
from google.rpc import code_pb2

from gateway.errors import ErrorKind, GatewayError
from gateway.providers.base import x509
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support import x509_chain
from tests.support.parsed import all_parsed
from tests.support.providers.certificate_manager import FILES, NAME, call, provider
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.x509_chain import chain, key_pem

KEY = key_pem(chain().key).decode()
PEMS = [x509_chain.pem(certificate).decode() for certificate in chain().certificates]


async def download(body: bytes) -> service.DownloadCertificateResponse:
    request = service.DownloadCertificateRequest(name=NAME, include_private_key=True)
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", FILES, headers={"Content-Type": "application/octet-stream"}, body=body)
        return await adapter.download_certificate(request, call())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (chain().pem() + KEY.encode(), "more than one private key"),
        (
            PEMS[0].encode() + KEY.replace("RSA PRIVATE", "DSA PRIVATE").encode(),
            "DSA PRIVATE KEY",
        ),
    ],
    ids=["two keys", "DSA key"],
)
async def test_file_that_is_not_supported_has_a_reason(body: bytes, problem: str) -> None:
    with pytest.raises(GatewayError, match=problem) as caught:
        await download(body)
    assert caught.value.kind == ErrorKind(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_NOT_A_PEM_FILE)
    assert (caught.value.metadata, caught.value.resource) == ({"provider": "nhn"}, NAME)
    assert "MII" not in str(caught.value)


@pytest.mark.parametrize("form", ["DER", "PKCS7_DER", "PKCS7_PEM", "PKCS7_PEM with key"])
async def test_other_formats_are_read(form: str) -> None:
    kind = service.CertificateFormat.Value(f"CERTIFICATE_FORMAT_{form.partition(' ')[0]}")
    body = x509.encode(all_parsed(chain().certificates), kind).content
    with_key = form.endswith("key")
    answer = await download(body + KEY.encode() if with_key else body)
    assert list(answer.certificate_chain) == (PEMS[:1] if form == "DER" else PEMS)
    assert answer.private_key_pem == (KEY if with_key else "")
