"""Signing requests and signed certificates of ASTERIA over gRPC, in every encoding."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support.asteria import (
    PASSWORDS,
    SIDES,
    Warp,
    as_openssl_reads,
    as_the_gateway_says,
    certificate_name,
    create_request,
)
from tests.support.emulators.asteria import Files, issue, issued, pkcs7, self_signed
from tests.support.wire import failure_of


class Signed(NamedTuple):
    """A certificate issued for a signing request, and the certificate of the authority."""

    leaf: Files
    root: Files


async def signed(warp: Warp, folder: Path, side: str = "client") -> Signed:
    """Create a certificate, and issue a certificate for its signing request."""
    await warp.certificates.CreateCertificate(create_request(side, replace=True))
    csr = (await warp.signing_request(side)).csr_pem.encode()
    root = self_signed(folder, "Root")
    return Signed(Files(folder, issue(folder, "leaf", csr, root)), root)


def install_request(
    certificate: bytes, side: str = "client", **changes: Any
) -> service.InstallSignedCertificateRequest:
    return service.InstallSignedCertificateRequest(
        name=certificate_name(side), certificate=certificate, **{**PASSWORDS, **changes}
    )


class Form(NamedTuple):
    """The certificate file and the chain file in a request, and their names."""

    certificate: Callable[[Signed], bytes]
    chain: Callable[[Signed], bytes]
    filenames: list[str]


def nothing(_: Signed) -> bytes:
    return b""


FORMS = {
    "PEM": Form(lambda made: made.leaf.pem, nothing, ["certificate.pem"]),
    "DER": Form(lambda made: made.leaf.der, nothing, ["certificate.der"]),
    "PKCS#7 PEM": Form(lambda made: pkcs7(made.leaf), nothing, ["certificate.p7b"]),
    "PKCS#7 DER": Form(lambda made: pkcs7(made.leaf, form="DER"), nothing, ["certificate.p7b"]),
    "PEM and its chain": Form(lambda made: made.leaf.pem, lambda made: made.root.pem, ["certificate.pem", "chain.pem"]),
    "DER and its chain": Form(lambda made: made.leaf.der, lambda made: made.root.der, ["certificate.der", "chain.der"]),
    "PEM and a PKCS#7 chain": Form(
        lambda made: made.leaf.pem, lambda made: pkcs7(made.root, form="DER"), ["certificate.pem", "chain.p7b"]
    ),
    "all in one PEM": Form(lambda made: made.root.pem + made.leaf.pem, nothing, ["certificate.pem"]),
    "all in one PKCS#7": Form(lambda made: pkcs7(made.root, made.leaf), nothing, ["certificate.p7b"]),
}


@pytest.mark.parametrize(("form", "side"), list(zip(FORMS, itertools.cycle(SIDES))))
async def test_signed_certificate_is_accepted_in_every_encoding(
    warp: Warp, form: str, side: str, tmp_path: Path
) -> None:
    made = await signed(warp, tmp_path, side)
    certificate, chain, filenames = FORMS[form]
    await warp.certificates.InstallSignedCertificate(install_request(certificate(made), side, chain=chain(made)))

    files = [part.filename for part in (await warp.sent())[-1].parts if part.filename is not None]
    assert files == filenames
    installed = await warp.full(side)
    assert as_the_gateway_says(installed) == as_openssl_reads(made.leaf.pem)
    chain_pem = [pem.encode() for pem in (await warp.download(side)).certificate_chain]
    alone = form in ("PEM", "DER", "PKCS#7 PEM", "PKCS#7 DER")
    assert chain_pem == ([made.leaf.pem] if alone else [made.leaf.pem, made.root.pem])
    request = await warp.signing_request(side)
    assert request.csr_pem  # it stays: the authority may have to sign it again


async def test_mismatched_certificate_is_rejected_and_changes_nothing(warp: Warp, tmp_path: Path) -> None:
    made = await signed(warp, tmp_path)
    unrelated = issued(tmp_path, "Stranger", made.root)
    before = await warp.full("client")
    cases: list[tuple[service.InstallSignedCertificateRequest, tuple[str, str]]] = [
        (install_request(unrelated.pem), ("FAILED_PRECONDITION", "PUBLIC_KEY_MISMATCH")),
        (install_request(made.leaf.pem, chain=unrelated.pem), ("FAILED_PRECONDITION", "PUBLIC_KEY_MISMATCH")),
        (install_request(b"text"), ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")),
        (install_request(made.leaf.pem, chain=b"text"), ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")),
        (install_request(made.leaf.pem[:-30]), ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")),
        (
            install_request(made.leaf.pem, keystore_password="wrong-one"),
            ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT"),
        ),
        (
            install_request(made.leaf.pem, private_key_password="wrong-one"),
            ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT"),
        ),
    ]
    for request, expected in cases:
        assert (await failure_of(warp.certificates.InstallSignedCertificate(request))).kind == expected
    assert await warp.full("client") == before


async def test_signing_request_requires_both_passwords(warp: Warp) -> None:
    await warp.certificates.CreateCertificate(create_request())
    for wrong in PASSWORDS:
        request = service.GetCertificateSigningRequestRequest(
            name=certificate_name("client"), **{**PASSWORDS, wrong: "wrong-one"}
        )
        failure = await failure_of(warp.certificates.GetCertificateSigningRequest(request))
        assert failure.kind == ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT")


@pytest.mark.parametrize("form", service.CertificateFormat.values())
async def test_no_format_of_a_download_holds_the_private_key(warp: Warp, form: int) -> None:
    await warp.certificates.CreateCertificate(create_request())
    await warp.control.forget_requests()
    failure = await failure_of(warp.download("client", format=form, include_private_key=True))
    assert failure.kind == ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER")
    assert await warp.sent() == []
    answer = await warp.download("client", format=form)
    assert b"PRIVATE KEY" not in answer.SerializeToString()
