"""The life cycle of an ASTERIA certificate over gRPC, with openssl as the authority and as the reference reader."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format

from keyway.v1 import certificate_service_pb2 as service
from tests.support import openssl
from tests.support.asteria import (
    PASSWORDS,
    SIDES,
    STORE_PASSWORD,
    SUBJECT,
    SUBJECT_TEXT,
    Warp,
    as_openssl_reads,
    as_the_gateway_says,
    certificate_name,
    create_request,
)
from tests.support.emulators.asteria import issue, issued, self_signed
from tests.support.wire import failure_of

GONE = ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")


class Authorities:
    """A root and an authority under it, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = self_signed(folder, "Root", subject="/C=JP/O=信頼/CN=Root")
        self.middle = issued(folder, "Middle", self.root, authority=True)

    def sign(self, csr_pem: str) -> bytes:
        """Issue the certificate for a signing request."""
        return issue(self._folder, "leaf", csr_pem.encode(), self.middle).read_bytes()

    def verify(self, folder: Path, leaf: bytes, *chain: bytes) -> None:
        """Verify the leaf up to the root with the intermediate certificates of the response."""
        (folder / "leaf.pem").write_bytes(leaf)
        (folder / "chain.pem").write_bytes(b"".join(chain))
        trusted, untrusted = ("-CAfile", self.root.certificate), ("-untrusted", folder / "chain.pem")
        openssl.run("verify", *trusted, *untrusted, folder / "leaf.pem")


@pytest.mark.parametrize("side", SIDES)
async def test_certificate_life_cycle_from_creation_to_deletion(warp: Warp, side: str, tmp_path: Path) -> None:
    name = certificate_name(side)
    created = await warp.certificates.CreateCertificate(create_request(side, replace=True))
    assert created.certificate == await warp.full(side)
    assert created.certificate.issuer == created.certificate.subject

    request = await warp.signing_request(side)
    assert request.filename == f"{side}.csr"
    assert request.content.decode() == request.csr_pem
    options = ("-nameopt", "RFC2253,utf8,-esc_msb")
    openssl.run("req", "-verify", "-noout", data=request.csr_pem.encode())
    subject = openssl.run("req", "-noout", "-subject", *options, data=request.csr_pem.encode()).decode()
    assert subject.strip() == f"subject={SUBJECT_TEXT}"

    authorities = Authorities(tmp_path)
    leaf = authorities.sign(request.csr_pem)
    await warp.certificates.InstallSignedCertificate(
        service.InstallSignedCertificateRequest(
            name=name, certificate=leaf, chain=authorities.middle.pem + authorities.root.pem, **PASSWORDS
        )
    )

    installed = await warp.full(side)
    assert as_the_gateway_says(installed) == as_openssl_reads(leaf)
    assert (installed.name, installed.display_name, installed.version) == (name, side, "3")
    assert installed.signature_algorithm == "SHA256withECDSA"
    installed.subject.ClearField("text")
    assert installed.subject == SUBJECT
    assert installed.issuer.common_name == "Middle"
    assert installed.chain[0] == "CN=Middle,O=Test,C=JP"

    chain = [leaf, authorities.middle.pem, authorities.root.pem]
    await check_downloads(warp, side, chain)
    answer = await warp.download(side)
    authorities.verify(tmp_path, *(pem.encode() for pem in answer.certificate_chain))
    assert answer.private_key_pem == ""

    await warp.certificates.DeleteCertificate(service.DeleteCertificateRequest(name=name, **STORE_PASSWORD))
    assert not await warp.exists(side)
    for call in (
        warp.full(side),
        warp.signing_request(side),
        warp.download(side),
        warp.certificates.DeleteCertificate(service.DeleteCertificateRequest(name=name, **STORE_PASSWORD)),
        warp.certificates.InstallSignedCertificate(
            service.InstallSignedCertificateRequest(name=name, certificate=leaf, **PASSWORDS)
        ),
    ):
        failure = await failure_of(call)
        assert failure.kind == GONE
        assert failure.resource == ("keyway.dev/Certificate", name)


async def check_downloads(warp: Warp, side: str, chain: list[bytes]) -> None:
    """Check with openssl that every format contains the same certificates."""
    expected = [der_of(pem) for pem in chain]
    pem = await warp.download(side, format=service.CERTIFICATE_FORMAT_PEM)
    assert [der_of(each.encode()) for each in pem.certificate_chain] == expected
    assert pem.content.decode() == "".join(pem.certificate_chain)
    assert (pem.filename, pem.media_type) == ("certs.pem", "application/pem-certificate-chain")

    der = await warp.download(side, format=service.CERTIFICATE_FORMAT_DER)
    assert der.content == expected[0]
    assert list(der.certificate_chain) == list(pem.certificate_chain)
    assert (der.filename, der.media_type) == ("certs.der", "application/pkix-cert")

    for form, inform in ((service.CERTIFICATE_FORMAT_PKCS7_PEM, "PEM"), (service.CERTIFICATE_FORMAT_PKCS7_DER, "DER")):
        pkcs7 = await warp.download(side, format=form)
        printed = openssl.run("pkcs7", "-inform", inform, "-print_certs", data=pkcs7.content)
        assert sorted(map(der_of, blocks(printed))) == sorted(expected)
        assert list(pkcs7.certificate_chain) == list(pem.certificate_chain)
        assert (pkcs7.filename, pkcs7.media_type) == (f"{side}.p7b", "application/x-pkcs7-certificates")


def der_of(pem: bytes) -> bytes:
    return openssl.run("x509", "-outform", "DER", data=pem)


def blocks(text: bytes) -> list[bytes]:
    """Return the certificates in a text with other lines."""
    end = b"-----END CERTIFICATE-----\n"
    return [block + end for block in text.split(end)[:-1]]


@pytest.mark.parametrize("side", SIDES)
async def test_uses_that_are_all_false_are_returned(warp: Warp, side: str) -> None:
    await warp.certificates.CreateCertificate(create_request(side, replace=True))
    created = await warp.full(side)
    downloaded = await warp.download(side)
    assert as_the_gateway_says(created) == as_openssl_reads(downloaded.content)
    assert created.HasField("key_usage")
    assert not created.key_usage.ListFields()


async def test_direct_client_sees_the_same_certificate(warp: Warp) -> None:
    request = {"name": certificate_name("server"), "view": "CERTIFICATE_VIEW_FULL", "keystorePassword": "changeit"}
    url = f"http://{warp.gateway.address}/keyway.v1.CertificateService/GetCertificate"
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge"),
        *("--data", json.dumps(request), url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    assert json.loads(printed)["certificate"] == json_format.MessageToDict(await warp.full("server", "changeit"))
