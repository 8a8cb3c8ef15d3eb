"""Key stores imported into ASTERIA over gRPC: PKCS#12 of openssl, PKCS#12 and JKS of keytool."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from tests.support.emulators.asteria import Files, issued, java_store, keytool, pkcs12, self_signed
from tests.support.wire import failure_of

FILE_PASSWORD = "file-secret"
WRONG_PASSWORD = ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT")


def import_request(keystore: bytes, side: str = "client", **changes: Any) -> service.ImportCertificateRequest:
    values: dict[str, Any] = {"file_password": FILE_PASSWORD, **PASSWORDS, **changes}
    return service.ImportCertificateRequest(name=certificate_name(side), keystore=keystore, **values)


def chained(folder: Path, *options: str) -> tuple[bytes, bytes]:
    """Return a PKCS#12 file of openssl with a chain of three, and its leaf."""
    root = self_signed(folder, "Root")
    middle = issued(folder, "Middle", root, authority=True)
    leaf = issued(folder, "Leaf", middle, kind="RSA")
    extra = folder / "extra.pem"
    extra.write_bytes(root.pem + middle.pem)
    return pkcs12(leaf, FILE_PASSWORD, "-certfile", extra, *options), leaf.pem


def of_java(folder: Path, store_type: str) -> tuple[bytes, bytes]:
    """Return a key store of keytool, and the certificate in it."""
    path = java_store(
        folder / "store", FILE_PASSWORD, "-keyalg", "EC", "-groupname", "secp256r1", store_type=store_type
    )
    certificate = keytool("-exportcert", "-rfc", "-alias", "x", "-keystore", path, "-storepass", FILE_PASSWORD)
    return path.read_bytes(), certificate


FILES: dict[str, tuple[Callable[[Path], tuple[bytes, bytes]], str, int]] = {
    "PKCS#12": (chained, "keystore.p12", 3),
    "PKCS#12, legacy": (lambda folder: chained(folder, "-legacy"), "keystore.p12", 3),
    "PKCS#12 of Java": (lambda folder: of_java(folder, "PKCS12"), "keystore.p12", 1),
    "JKS": (lambda folder: of_java(folder, "JKS"), "keystore.jks", 1),
}
"""The function that creates the file, the file name in the request, and the length of the chain."""


@pytest.mark.parametrize(("make", "filename", "length"), FILES.values(), ids=FILES)
async def test_imported_key_store_gets_its_own_passwords(
    warp: Warp, make: Callable[[Path], tuple[bytes, bytes]], filename: str, length: int, tmp_path: Path
) -> None:
    keystore, leaf = make(tmp_path)
    failure = await failure_of(warp.certificates.ImportCertificate(import_request(keystore, file_password="wrong")))
    assert failure.kind == WRONG_PASSWORD
    assert not await warp.exists("client")

    await warp.control.forget_requests()
    imported = (await warp.certificates.ImportCertificate(import_request(keystore))).certificate
    sent = (await warp.sent())[-1]
    assert [part.filename for part in sent.parts] == [None, None, None, filename]
    assert as_the_gateway_says(imported) == as_openssl_reads(leaf)
    assert imported == await warp.full("client")
    assert imported.name == certificate_name("client")
    chain = (await warp.download("client")).certificate_chain
    assert as_openssl_reads(chain[0].encode()) == as_openssl_reads(leaf)
    assert len(chain) == length
    assert (await failure_of(warp.full("client", FILE_PASSWORD))).kind == WRONG_PASSWORD
    assert (await failure_of(warp.signing_request("client"))).kind == ("NOT_FOUND", "CSR_NOT_FOUND")


@pytest.fixture
def simple(tmp_path: Path) -> Files:
    """Return a self-signed certificate."""
    return self_signed(tmp_path, "Simple")


@pytest.mark.parametrize("side", SIDES)
async def test_import_replaces_a_certificate_only_on_request(warp: Warp, simple: Files, side: str) -> None:
    await warp.certificates.CreateCertificate(create_request(side, replace=True))
    before = await warp.full(side)
    request = import_request(pkcs12(simple, FILE_PASSWORD), side)
    failure = await failure_of(warp.certificates.ImportCertificate(request))
    assert failure.kind == ("ALREADY_EXISTS", "CERTIFICATE_ALREADY_EXISTS")
    assert await warp.full(side) == before
    request.replace = True
    imported = (await warp.certificates.ImportCertificate(request)).certificate
    assert as_the_gateway_says(imported) == as_openssl_reads(simple.pem)
    assert await warp.full(side) == imported


@pytest.mark.parametrize("password", ["a", "ひみつ", " ", "p&w=+%; "])
async def test_short_and_unusual_file_password_is_accepted(warp: Warp, simple: Files, password: str) -> None:
    request = import_request(pkcs12(simple, password), file_password=password)
    imported = (await warp.certificates.ImportCertificate(request)).certificate
    assert imported.subject.common_name == "Simple"


async def test_empty_file_password_is_rejected_by_the_server(warp: Warp, simple: Files) -> None:
    request = import_request(pkcs12(simple, ""), file_password="")
    failure = await failure_of(warp.certificates.ImportCertificate(request))
    assert failure.kind == ("INVALID_ARGUMENT", "MISSING_PARAMETER")


async def test_given_file_name_is_sent(warp: Warp, simple: Files) -> None:
    request = import_request(pkcs12(simple, FILE_PASSWORD), filename="鍵 店.pfx")
    await warp.certificates.ImportCertificate(request)
    assert (await warp.sent())[-1].parts[-1].filename == "鍵 店.pfx"


async def test_invalid_key_store_is_rejected_and_changes_nothing(warp: Warp, simple: Files) -> None:
    before = await warp.full("server", "changeit")
    for content in (b"text", simple.pem, pkcs12(simple, FILE_PASSWORD)[:-1], b"\xfe\xed\xfe\xed\0\0\0\2"):
        request = import_request(content, "server", replace=True)
        failure = await failure_of(warp.certificates.ImportCertificate(request))
        assert failure.kind == ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")
    assert await warp.full("server", "changeit") == before
