"""Files of Certificate Manager in every format, verified by openssl. The private key is returned only on request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support import openssl
from tests.support.certificate_manager import DirectCertificateUser, certificate, register
from tests.support.certificates import public_key, split, verifies
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.wire import WireResource, failure_of

PASSPHRASE = "demo-passphrase"
"""The passphrase of the key in the file of encrypted.example.com."""


class Stored(NamedTuple):
    """A certificate of the default seed. kind: the key type; certificates: the number in its file."""

    kind: str = "RSA PRIVATE KEY"
    certificates: int = 3
    filename: str = ""


STORED: Mapping[str, Stored] = {
    "www.example.com": Stored(),
    "*.example.com": Stored(certificates=2, filename="wildcard.example.com"),
    "인증서-예시": Stored(),
    "ec.example.com": Stored(kind="EC PRIVATE KEY"),
    "pkcs8.example.com": Stored(kind="PRIVATE KEY"),
    "encrypted.example.com": Stored(kind="ENCRYPTED PRIVATE KEY"),
    "expired.example.com": Stored(),
    "expiring.example.com": Stored(),
}

PEM, DER = service.CERTIFICATE_FORMAT_PEM, service.CERTIFICATE_FORMAT_DER
PKCS7_PEM, PKCS7_DER = service.CERTIFICATE_FORMAT_PKCS7_PEM, service.CERTIFICATE_FORMAT_PKCS7_DER


class Format(NamedTuple):
    """A format, and the openssl command that extracts the certificates."""

    value: service.CertificateFormat.ValueType
    media_type: str
    ending: str
    command: tuple[str, ...]


FORMATS = {
    "unspecified": Format(
        service.CERTIFICATE_FORMAT_UNSPECIFIED, "application/pem-certificate-chain", ".pem", ("storeutl", "-certs")
    ),
    "PEM": Format(PEM, "application/pem-certificate-chain", ".pem", ("storeutl", "-certs")),
    "DER": Format(DER, "application/pkix-cert", ".der", ("x509", "-inform", "DER", "-in")),
    "PKCS#7 PEM": Format(PKCS7_PEM, "application/x-pkcs7-certificates", ".p7b", ("pkcs7", "-print_certs", "-in")),
    "PKCS#7 DER": Format(
        PKCS7_DER, "application/x-pkcs7-certificates", ".p7b", ("pkcs7", "-inform", "DER", "-print_certs", "-in")
    ),
}


async def downloaded(
    gateway: Gateway,
    name: str,
    form: service.CertificateFormat.ValueType = PEM,
    *,
    key: bool = False,
) -> service.DownloadCertificateResponse:
    """Download the file of the certificate through the gateway."""
    request = service.DownloadCertificateRequest(name=certificate(name), format=form, include_private_key=key)
    return await gateway.certificates.DownloadCertificate(request)


async def stored_root(stack: Stack) -> bytes:
    """Return the root certificate of the default seed."""
    answer = await stack.controls[CERTIFICATE_MANAGER].seed({})
    root: str = answer["authority_certificate"]
    return root.encode()


def read_by_openssl(form: Format, content: bytes, folder: Path) -> list[bytes]:
    """Return the certificates that openssl finds in the content."""
    path = folder / f"downloaded{form.ending}"
    path.write_bytes(content)
    return split(openssl.run(*form.command, path))


def texts(chain: Sequence[str]) -> list[bytes]:
    return [each.encode() for each in chain]


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
async def test_openssl_reads_every_format_and_finds_the_stored_certificates(
    quiet_stack: Stack, tmp_path: Path, name: str, form: Format
) -> None:
    stored = split(await DirectCertificateUser(quiet_stack).file(name))
    answer = await downloaded(quiet_stack.gateway, name, form.value)
    found = read_by_openssl(form, answer.content, tmp_path)

    assert len(stored) == STORED[name].certificates
    assert texts(answer.certificate_chain) == stored
    if form.value == DER:
        assert found == stored[:1]
    elif form.value in (PKCS7_PEM, PKCS7_DER):  # a set
        assert sorted(found) == sorted(stored)
    else:
        assert found == stored
    assert answer.media_type == form.media_type
    assert answer.filename == (STORED[name].filename or name) + form.ending
    assert answer.private_key_pem == ""
    assert b"PRIVATE" not in answer.SerializeToString()


@pytest.mark.parametrize("name", STORED)
async def test_openssl_verifies_every_downloaded_chain_up_to_the_root(
    quiet_stack: Stack, tmp_path: Path, name: str
) -> None:
    chain = texts((await downloaded(quiet_stack.gateway, name)).certificate_chain)
    root = await stored_root(quiet_stack)

    assert verifies(chain, root, tmp_path, expired=name == "expired.example.com")
    assert (split(root)[0] in chain) == (STORED[name].certificates == 3)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("form", [PEM, PKCS7_DER])
async def test_private_key_is_returned_as_stored_and_matches_the_leaf(
    quiet_stack: Stack, name: str, form: service.CertificateFormat.ValueType
) -> None:
    file = await DirectCertificateUser(quiet_stack).file(name)
    answer = await downloaded(quiet_stack.gateway, name, form, key=True)
    key = answer.private_key_pem.encode()

    assert key.startswith(f"-----BEGIN {STORED[name].kind}-----\n".encode())
    assert file.endswith(key)
    assert b"PRIVATE" not in answer.content + "".join(answer.certificate_chain).encode()
    options = ("-passin", f"pass:{PASSPHRASE}") if STORED[name].kind.startswith("ENCRYPTED") else ()
    public = openssl.run("pkey", "-pubout", *options, data=key)
    assert public == public_key(answer.certificate_chain[0].encode())


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no-file.example.com", ("NOT_FOUND", "CERTIFICATE_FILE_NOT_FOUND")),
        ("two-files.example.com", ("FAILED_PRECONDITION", "MULTIPLE_CERTIFICATE_FILES")),
        ("broken-file.example.com", ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE")),
        ("none.example.com", ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")),
        ("없는-인증서", ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")),
    ],
)
async def test_certificate_without_exactly_one_readable_file_is_not_returned(
    quiet_stack: Stack, name: str, expected: tuple[str, str], key: bool
) -> None:
    failure = await failure_of(downloaded(quiet_stack.gateway, name, key=key))

    assert failure.kind == expected
    if expected[0] == "NOT_FOUND":
        assert failure.resource == WireResource("keyway.dev/Certificate", certificate(name))
    assert b"is not a certificate" not in failure.everything


async def test_file_without_a_key_is_returned_without_a_key(quiet_stack: Stack) -> None:
    chain = split(await DirectCertificateUser(quiet_stack).file("www.example.com"))
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], "keyless.example.com", b"".join(chain))
    answer = await downloaded(quiet_stack.gateway, "keyless.example.com", key=True)

    assert texts(answer.certificate_chain) == chain
    assert answer.private_key_pem == ""


async def test_key_before_the_certificates_and_text_between_blocks_are_accepted(quiet_stack: Stack) -> None:
    file = await DirectCertificateUser(quiet_stack).file("ec.example.com")
    chain = split(file)
    key = file[file.index(b"-----BEGIN EC") :]
    mixed = b"Bag Attributes\n  friendlyName: x\n" + key + b"subject=CN\r\n" + b"\nmore\n".join(reversed(chain))
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], "mixed.example.com", mixed)
    answer = await downloaded(quiet_stack.gateway, "mixed.example.com", key=True)

    assert texts(answer.certificate_chain) == chain
    assert answer.content == b"".join(chain)
    assert answer.private_key_pem.encode() == key


async def test_failure_envelope_with_a_file_content_type_is_a_failure(quiet_stack: Stack) -> None:
    """The failure envelope has the content type of a success. A careless client would save it as cert.pem."""
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(
        mode="raw",
        path="/files$",
        status=200,
        headers={"Content-Type": "application/octet-stream", "Content-Disposition": 'attachment; filename="a.pem"'},
        body='{"header": {"isSuccessful": false, "resultCode": 52001, "resultMessage": "x"}, "body": {}}',
    )
    failure = await failure_of(downloaded(quiet_stack.gateway, "www.example.com"))

    assert failure.kind == ("NOT_FOUND", "CERTIFICATE_FILE_NOT_FOUND")
