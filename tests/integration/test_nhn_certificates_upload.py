"""Uploads of openssl files to Certificate Manager v1.0."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support import openssl
from tests.support.certificate_manager import DirectCertificateUser, certificate, register
from tests.support.certificates import Pki, read_certificate
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.wire import WireResource, failure_of

NAME = "upload.example.com"
MAXIMUM_BYTES = 512 * 1024


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway that uses v1.0."""
    async with Gateway(seeded_stack.settings(seeded_stack.provider("nhn-certs", api_version="v1.0"))) as served:
        yield served


async def upload(gateway: Gateway, content: bytes, name: str = NAME, filename: str = "") -> None:
    """Upload a file."""
    request = service.UploadCertificateRequest(name=certificate(name), content=content, filename=filename)
    await gateway.certificates.UploadCertificate(request)


@pytest.mark.parametrize("name", [NAME, "*.upload.example.com", "올린-인증서"])
async def test_uploaded_file_is_returned_by_get_and_download(
    quiet_stack: Stack, gateway: Gateway, pki: Pki, name: str
) -> None:
    old = pki.issue("old", f"/CN={name}", options=("-days", "3"), rsa=False)
    new = pki.issue("new", f"/O=New/CN={name}", "keyUsage=digitalSignature", f"subjectAltName=DNS:{NAME}", rsa=False)
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], name, old.file)

    await upload(gateway, new.file, name)

    stub, resource = gateway.certificates, certificate(name)
    request = service.GetCertificateRequest(name=resource, view=service.CERTIFICATE_VIEW_FULL)
    stored = (await stub.GetCertificate(request)).certificate
    expected = read_certificate(new.chain)
    assert (stored.subject, stored.fingerprints, stored.serial_number) == (
        expected.subject,
        expected.fingerprints,
        expected.serial_number,
    )
    assert stored.expiration_date.day
    download = service.DownloadCertificateRequest(name=resource, include_private_key=True)
    answer = await stub.DownloadCertificate(download)
    assert [text.encode() for text in answer.certificate_chain] == new.chain
    assert answer.private_key_pem.encode() == new.key.read_bytes()
    assert answer.filename == f"{name}.pem"
    assert await DirectCertificateUser(quiet_stack).file(name) == new.file


@pytest.mark.parametrize(
    ("filename", "sent"),
    [("", f"{NAME}.pem"), ("mine.pem", "mine.pem"), ("내 인증서 (1).pem", "내 인증서 (1).pem")],
    ids=["none", "plain", "with Hangul and spaces"],
)
async def test_file_is_sent_with_its_name_as_the_only_part(
    quiet_stack: Stack, gateway: Gateway, pki: Pki, filename: str, sent: str
) -> None:
    issued = pki.issue("named", f"/CN={NAME}", rsa=False)
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], NAME)
    await quiet_stack.controls[CERTIFICATE_MANAGER].forget_requests()

    await upload(gateway, issued.file, filename=filename)

    (seen,) = await quiet_stack.controls[CERTIFICATE_MANAGER].requests()
    assert (seen["method"], seen["target"]) == (
        "POST",
        f"/certmanager/v1.0/appkeys/certmanager-demo/certificates/{NAME}/files",
    )
    body = base64.b64decode(seen["body_base64"])
    assert body.count(b"Content-Disposition") == 1
    assert issued.file in body
    request = service.DownloadCertificateRequest(name=certificate(NAME))
    assert (await gateway.certificates.DownloadCertificate(request)).filename == sent


class Refusal(NamedTuple):
    """A file and the result of its upload."""

    subject: str
    expected: tuple[str, str]
    options: Callable[[], tuple[str, ...]] = tuple
    filename: str = ""


REFUSALS = {
    "for another name": Refusal("/CN=other.example.com", ("INVALID_ARGUMENT", "CERTIFICATE_NAME_MISMATCH")),
    "expired": Refusal(f"/CN={NAME}", ("FAILED_PRECONDITION", "CERTIFICATE_EXPIRED"), openssl.expired),
    "not called .pem": Refusal(f"/CN={NAME}", ("INVALID_ARGUMENT", "NOT_A_PEM_FILE"), filename="cert.txt"),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_mismatched_file_is_rejected_and_the_old_file_stays(
    quiet_stack: Stack, gateway: Gateway, pki: Pki, refusal: Refusal
) -> None:
    old = pki.issue("stays", f"/CN={NAME}", rsa=False)
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], NAME, old.file)
    new = pki.issue("refused", refusal.subject, options=refusal.options(), rsa=False)

    failure = await failure_of(upload(gateway, new.file, filename=refusal.filename))

    assert failure.kind == refusal.expected
    assert await DirectCertificateUser(quiet_stack).file(NAME) == old.file


async def test_wrong_authority_unknown_name_and_invalid_file_are_rejected(
    quiet_stack: Stack, gateway: Gateway, pki: Pki
) -> None:
    control, issued = quiet_stack.controls[CERTIFICATE_MANAGER], pki.issue("any", f"/CN={NAME}", rsa=False)
    await register(control, NAME, authority="Another Trust")
    other = await failure_of(upload(gateway, issued.file))
    await register(control, NAME)
    none = await failure_of(upload(gateway, b"This is no certificate."))
    swapped = await failure_of(upload(gateway, issued.key.read_bytes() + b"".join(issued.chain)))
    unknown = await failure_of(upload(gateway, issued.file, "nowhere.example.com"))

    assert other.kind == ("INVALID_ARGUMENT", "INVALID_CERTIFICATE_AUTHORITY")
    assert none.kind == swapped.kind == ("INVALID_ARGUMENT", "NOT_A_PEM_FILE")
    assert unknown.kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
    assert unknown.resource == WireResource("keyway.dev/Certificate", certificate("nowhere.example.com"))


async def test_upload_limit_is_512_kb_and_checked_before_the_upstream_call(
    quiet_stack: Stack, gateway: Gateway, pki: Pki
) -> None:
    control, issued = quiet_stack.controls[CERTIFICATE_MANAGER], pki.issue("large", f"/CN={NAME}", rsa=False)
    await register(control, NAME)
    file = b"#" * (MAXIMUM_BYTES - len(issued.file) - 1) + b"\n" + issued.file

    await upload(gateway, file)
    assert await DirectCertificateUser(quiet_stack).file(NAME) == file
    await control.forget_requests()
    failure = await failure_of(upload(gateway, b"#" + file))

    assert failure.kind == ("INVALID_ARGUMENT", "FILE_TOO_LARGE")
    assert [(each.field, each.reason) for each in failure.violations] == [("content", "FILE_TOO_LARGE")]
    assert await control.requests() == []


@pytest.mark.parametrize("filename", ["../x.pem", "a\\b.pem", "x\r\n.pem", "..", "n" * 256])
async def test_file_name_with_a_path_is_rejected(quiet_stack: Stack, gateway: Gateway, filename: str) -> None:
    failure = await failure_of(upload(gateway, b"x", filename=filename))

    assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["filename"])
    assert await quiet_stack.controls[CERTIFICATE_MANAGER].requests() == []
