"""Files of an ASTERIA server: signing requests, signed certificates, downloads in each format."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.errors import GatewayError, MalformedResponse
from gateway.providers.asteria.adapter import AsteriaProvider
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.asteria_certificates import AUTHORITY, LEAF, SIGNING_REQUEST
from tests.support.providers.asteria_samples import (
    BASE,
    CLIENT,
    SERVER,
    a_call,
    assert_form,
    failure,
    only,
    parts,
    success,
    zipped,
)
from tests.support.scripted_upstream import ScriptedUpstream


@pytest.mark.parametrize("sent", ["PEM", "NEW PEM", "DER"])
async def test_signing_request_is_returned_as_pem(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, sent: str
) -> None:
    pem = SIGNING_REQUEST.public_bytes(Encoding.PEM)
    content = {
        "PEM": pem,
        "NEW PEM": pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        "DER": SIGNING_REQUEST.public_bytes(Encoding.DER),
    }[sent]
    upstream.answer(
        "POST",
        f"{BASE}/server/csr/download",
        headers={"Content-Type": "application/zip", "Content-Disposition": 'filename="csr.zip"'},
        body=zipped(server__csr=content),
    )
    response = await asteria.get_certificate_signing_request(
        service.GetCertificateSigningRequestRequest(
            name=SERVER, keystore_password="123456", private_key_password="abcdef"
        ),
        a_call(),
    )
    assert_form(
        only(upstream), f"{BASE}/server/csr/download", [("password", "123456"), ("privateKeyPassword", "abcdef")]
    )
    assert only(upstream).body == b"password=123456&privateKeyPassword=abcdef"
    assert response == service.GetCertificateSigningRequestResponse(
        csr_pem=pem.decode(), filename="server.csr", content=content
    )


@pytest.mark.parametrize("with_chain", [False, True])
async def test_install_sends_certificate_and_chain(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, with_chain: bool
) -> None:
    upstream.answer("POST", f"{BASE}/client/csr/response/upload", body=success())
    chain = pkcs7.serialize_certificates([AUTHORITY], Encoding.DER) if with_chain else b""
    leaf = LEAF.public_bytes(Encoding.PEM)
    await asteria.install_signed_certificate(
        service.InstallSignedCertificateRequest(
            name=CLIENT,
            certificate=leaf,
            chain=chain,
            chain_filename="" if with_chain else "ignored",
            keystore_password="short",
            private_key_password="p",
        ),
        a_call(),
    )
    sent = [
        (part.get_param("name", header="Content-Disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in parts(only(upstream))
    ]
    expected = [
        ("password", None, b"short"),
        ("privateKeyPassword", None, b"p"),
        ("certFile", "certificate.pem", leaf),
        ("chainFile", "chain.p7b", chain),
    ]
    assert sent == expected[: 4 if with_chain else 3]
    assert parts(only(upstream))[2].get_content_type() == "text/plain"


EXPORTS = [
    (service.CERTIFICATE_FORMAT_UNSPECIFIED, "X509", "PEM", "certs.pem", "application/pem-certificate-chain"),
    (service.CERTIFICATE_FORMAT_PEM, "X509", "PEM", "certs.pem", "application/pem-certificate-chain"),
    (service.CERTIFICATE_FORMAT_DER, "X509", "DER", "certs.der", "application/pkix-cert"),
    (service.CERTIFICATE_FORMAT_PKCS7_PEM, "PKCS7", "PEM", "server.p7b", "application/x-pkcs7-certificates"),
    (service.CERTIFICATE_FORMAT_PKCS7_DER, "PKCS7", "DER", "server.p7b", "application/x-pkcs7-certificates"),
]


@pytest.mark.parametrize(("form", "output", "data", "filename", "media_type"), EXPORTS)
async def test_download_returns_the_requested_format(
    upstream: ScriptedUpstream,
    asteria: AsteriaProvider,
    *,
    form: service.CertificateFormat.ValueType,
    output: str,
    data: str,
    filename: str,
    media_type: str,
) -> None:
    encoding = Encoding.PEM if data == "PEM" else Encoding.DER
    if output == "X509":  # a file for each certificate, the authority first
        body = zipped(ca__cer=AUTHORITY.public_bytes(encoding), leaf__cer=LEAF.public_bytes(encoding))
    else:
        body = zipped(server__p7b=pkcs7.serialize_certificates([AUTHORITY, LEAF], encoding))
    upstream.answer("POST", f"{BASE}/server/export", headers={"Content-Disposition": 'filename="certs.zip"'}, body=body)
    response = await asteria.download_certificate(
        service.DownloadCertificateRequest(name=SERVER, format=form, keystore_password="123456"), a_call()
    )
    assert only(upstream).body == f"password=123456&outputFormat={output}&dataFormat={data}".encode()
    chain = [LEAF.public_bytes(Encoding.PEM).decode(), AUTHORITY.public_bytes(Encoding.PEM).decode()]
    assert list(response.certificate_chain) == chain
    assert (response.filename, response.media_type, response.private_key_pem) == (filename, media_type, "")
    if data == "PEM" and output == "X509":
        assert response.content.decode() == "".join(chain)
    elif output == "X509":
        assert response.content == LEAF.public_bytes(Encoding.DER)
    else:
        load = pkcs7.load_pem_pkcs7_certificates if data == "PEM" else pkcs7.load_der_pkcs7_certificates
        assert set(load(response.content)) == {LEAF, AUTHORITY}


async def test_duplicate_certificates_are_returned_once(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    leaf = LEAF.public_bytes(Encoding.PEM)
    upstream.answer("POST", f"{BASE}/client/export", body=zipped(a=leaf + leaf, b=leaf))
    response = await asteria.download_certificate(
        service.DownloadCertificateRequest(name=CLIENT, keystore_password="123456"), a_call()
    )
    assert response.content == leaf
    assert response.filename == "client.pem"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 cut off",
        zipped(),
        zipped(readme__txt=b"no certificate"),
        zipped(a__pem=b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
        b"<html>maintenance</html>",
        b'{"result":{"status":"success","data":{}}}',
        b"-----BEGIN CERTIFICATE-----",
    ],
)
async def test_invalid_archive_is_malformed(upstream: ScriptedUpstream, asteria: AsteriaProvider, body: bytes) -> None:
    upstream.answer("POST", f"{BASE}/server/export", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, keystore_password="123456"), a_call()
        )
    upstream.answer("POST", f"{BASE}/server/csr/download", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.get_certificate_signing_request(
            service.GetCertificateSigningRequestRequest(
                name=SERVER, keystore_password="123456", private_key_password="abcdef"
            ),
            a_call(),
        )


async def test_failure_in_place_of_a_file_is_a_failure(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/export", body=failure(2401))
    with pytest.raises(GatewayError) as raised:
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, keystore_password="123456"), a_call()
        )
    assert raised.value.kind.reason == reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT


README = b"0. Read this first\n"


async def test_foreign_files_in_an_archive_are_skipped(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    leaf, csr = LEAF.public_bytes(Encoding.PEM), SIGNING_REQUEST.public_bytes(Encoding.PEM)
    archive = zipped(README__txt=README, empty=b"", server__csr=csr, server__cer=leaf)
    upstream.answer("POST", f"{BASE}/server/export", body=archive)
    upstream.answer("POST", f"{BASE}/server/csr/download", body=archive)
    download = service.DownloadCertificateRequest(name=SERVER, keystore_password="123456")
    downloaded = await asteria.download_certificate(download, a_call())
    assert (downloaded.content, downloaded.filename) == (leaf, "server.pem")
    request = service.GetCertificateSigningRequestRequest(
        name=SERVER, keystore_password="123456", private_key_password="abcdef"
    )
    found = await asteria.get_certificate_signing_request(request, a_call())
    assert (found.csr_pem, found.filename) == (csr.decode(), "server.csr")


@pytest.mark.parametrize(
    "files",
    [
        {"README__txt": README},
        {"a__cer": LEAF.public_bytes(Encoding.PEM), "b__cer": LEAF.public_bytes(Encoding.PEM)[:-30]},
        {"a__cer": LEAF.public_bytes(Encoding.PEM), "b__cer": LEAF.public_bytes(Encoding.DER)[:-30]},
    ],
    ids=["only foreign", "damaged PEM", "damaged DER"],
)
async def test_damaged_file_in_an_archive_is_not_skipped(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, files: dict[str, bytes]
) -> None:
    upstream.answer("POST", f"{BASE}/server/export", body=zipped(**files))
    request = service.DownloadCertificateRequest(name=SERVER, keystore_password="123456")
    with pytest.raises(MalformedResponse):
        await asteria.download_certificate(request, a_call())
