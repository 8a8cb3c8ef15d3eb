"""The PEM reader with files made by OpenSSL: every block is read, ignored by its label, or rejected with its line."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import pem
from gateway.pem import CERTIFICATE_LABELS, IGNORED_LABELS, PRIVATE_KEY_LABELS, PemError
from gateway.x509_reader.certificate import ParsedCertificate
from tests.support import openssl
from tests.support.openssl import OpensslAuthority
from tests.support.parsed import all_parsed

ALL = CERTIFICATE_LABELS | PRIVATE_KEY_LABELS


@dataclass(frozen=True)
class Files:
    """Two certificate authorities and a key as OpenSSL writes them. trusted: the second one with trust settings."""

    first: bytes
    second: bytes
    trusted: bytes
    key: bytes
    folder: Path

    @property
    def both(self) -> list[ParsedCertificate]:
        return list(all_parsed(x509.load_pem_x509_certificates(self.first + self.second)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("pem")
    first, second = (
        OpensslAuthority(folder / "first").pair,
        OpensslAuthority(folder / "second", "Second Authority").pair,
    )
    trusted = openssl.run("x509", "-in", second.certificate, "-trustout", "-addtrust", "clientAuth")
    return Files(
        first.certificate.read_bytes(), second.certificate.read_bytes(), trusted, first.key.read_bytes(), folder
    )


def relabelled(certificate: bytes, label: bytes) -> bytes:
    return certificate.replace(b"CERTIFICATE", label)


FORMS: dict[str, Callable[[Files], bytes]] = {
    "as written": lambda files: files.first + files.second,
    "CRLF": lambda files: (files.first + files.second).replace(b"\n", b"\r\n"),
    "CR": lambda files: (files.first + files.second).replace(b"\n", b"\r"),
    "byte order marks": lambda files: b"".join(b"\xef\xbb\xbf" + each for each in (files.first, files.second)),
    "space after BEGIN and END": lambda files: files.first + files.second.replace(b"TE-----\n", b"TE----- \t\n"),
    "indented": lambda files: b"".join(b"  " + line + b"\n" for line in (files.first + files.second).splitlines()),
    "blank lines": lambda files: (files.first + files.second).replace(b"\n", b"\n\n"),
    "no final line feed": lambda files: files.first + files.second.rstrip(),
    "joined without a line feed": lambda files: files.first.rstrip() + files.second,
    "text between": lambda files: b"# one\n" + files.first + "subject=CN=인증: a\n".encode() + files.second + b"end",
    "X509 CERTIFICATE": lambda files: files.first + relabelled(files.second, b"X509 CERTIFICATE"),
    "TRUSTED CERTIFICATE": lambda files: files.first + files.trusted,
    "a private key between": lambda files: files.first + files.key + files.second,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_read_in_the_order_of_the_file(files: Files, form: str) -> None:
    assert pem.certificates(FORMS[form](files)) == files.both


def test_trusted_certificate_has_settings_that_are_removed(files: Files) -> None:
    (block,) = pem.read_blocks(files.trusted, CERTIFICATE_LABELS)
    assert b"TRUSTED" in files.trusted
    assert block.der == base64.b64decode("".join(files.second.decode().splitlines()[1:-1]))
    assert len(base64.b64decode("".join(block.lines))) > len(block.der)


def test_blocks_with_ignored_labels_are_skipped(files: Files) -> None:
    folder = files.folder
    parameters = openssl.run("ecparam", "-name", "prime256v1")
    request = openssl.run("req", "-new", "-key", folder / "first" / "ca.key", "-subj", "/CN=x")
    public = openssl.run("pkey", "-in", folder / "first" / "ca.key", "-pubout")
    (folder / "index").write_bytes(b"")
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=9\n")
    (folder / "ca.cnf").write_text((folder / "ca.cnf").read_text().replace("=index", f"={folder / 'index'}"))
    issuer = ("-cert", folder / "first" / "ca.pem", "-keyfile", folder / "first" / "ca.key")
    revoked = openssl.run("ca", "-gencrl", "-config", folder / "ca.cnf", *issuer)
    found = {pem.read_blocks(block, IGNORED_LABELS)[0].label for block in (parameters, request, public, revoked)}
    assert found == {"EC PARAMETERS", "CERTIFICATE REQUEST", "PUBLIC KEY", "X509 CRL"}
    data = parameters + files.first + request + public + revoked + files.second
    assert pem.certificates(data) == files.both


@pytest.mark.parametrize("label", sorted(IGNORED_LABELS))
def test_ignored_block_must_be_well_formed(files: Files, label: str) -> None:
    with pytest.raises(PemError, match=f"line 1: the {label} block has no END line"):
        pem.certificates(f"-----BEGIN {label}-----\n".encode())


FAULTS: dict[str, tuple[Callable[[Files], bytes], str]] = {
    "empty": (lambda _: b"", "contains no PEM certificate"),
    "only a key": (lambda files: files.key, "contains no PEM certificate"),
    "END is missing at the end": (
        lambda files: files.first + files.second[:-30],
        "line {second}: the CERTIFICATE block has no END line",
    ),
    "END is missing in the middle": (
        lambda files: files.first[:-26] + files.second,
        "line 1: the CERTIFICATE block ends with BEGIN CERTIFICATE in line {last}",
    ),
    "END of another kind": (
        lambda files: files.first.replace(b"END CERTIFICATE", b"END X509 CRL"),
        "line 1: the CERTIFICATE block ends with END X509 CRL in line {last}",
    ),
    "BEGIN is missing": (
        lambda files: files.first + files.second.split(b"\n", 1)[1],
        "line {stray}: END CERTIFICATE without its BEGIN line",
    ),
    "BEGIN is damaged": (
        lambda files: files.first + files.second.replace(b"E-----", b"E----", 1),
        "line {second}: malformed BEGIN or END line",
    ),
    "BEGIN in lower case": (
        lambda files: files.first + files.second.replace(b"CERTIFICATE", b"certificate"),
        "line {second}: malformed BEGIN or END line",
    ),
    "BEGIN in a comment": (
        lambda files: files.first + b"#" + files.second.replace(b"\n", b"\n#"),
        "line {second}: malformed BEGIN or END line",
    ),
    "unknown label": (
        lambda files: files.first + relabelled(files.second, b"ATTRIBUTE CERTIFICATE"),
        "line {second}: unsupported PEM block ATTRIBUTE CERTIFICATE",
    ),
    "not Base64": (
        lambda files: files.first + files.second.replace(b"\nMII", b"\nM!I"),
        "line {second}: the CERTIFICATE block is not Base64",
    ),
    "empty block": (
        lambda files: files.first + b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "line {second}: the CERTIFICATE block is empty",
    ),
    "not a certificate": (
        lambda files: files.first + b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "line {second}: the CERTIFICATE block is not a valid certificate",
    ),
    "bytes after a certificate without the TRUSTED label": (
        lambda files: files.trusted.replace(b"TRUSTED ", b""),
        "line 1: the CERTIFICATE block is not a valid certificate",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_file_with_a_fault_is_rejected_with_line_and_label(files: Files, fault: str) -> None:
    make, message = FAULTS[fault]
    last = len(files.first.splitlines())
    stray = last + len(files.second.splitlines()) - 1
    with pytest.raises(PemError) as caught:
        pem.certificates(make(files))
    assert str(caught.value) == message.format(last=last, second=last + 1, stray=stray)


KEY_COMMANDS = {
    "PRIVATE KEY": ("pkcs8", "-topk8", "-nocrypt"),
    "ENCRYPTED PRIVATE KEY": ("pkcs8", "-topk8", "-passout", "pass:secret"),
    "EC PRIVATE KEY": ("ec",),
    "EC PRIVATE KEY, encrypted": ("ec", "-aes128", "-passout", "pass:secret"),
}


@pytest.mark.parametrize("form", KEY_COMMANDS)
def test_private_key_is_returned_in_its_form(files: Files, form: str) -> None:
    key = openssl.run(*KEY_COMMANDS[form], "-in", files.folder / "first" / "ca.key")
    for data in (
        key,
        files.first + key,
        openssl.run("ecparam", "-name", "prime256v1") + key,
        key.replace(b"\n", b" \r\n"),
    ):
        found = pem.private_key(data)
        assert found == key
    password = b"secret" if "ENCRYPTED" in form.upper() else None
    assert load_pem_private_key(found, password).public_key() == files.both[0].public_key


def test_file_without_exactly_one_private_key_is_rejected(files: Files) -> None:
    with pytest.raises(PemError, match=r"^contains no PEM private key$"):
        pem.private_key(files.first)
    second = len(files.key.splitlines()) + 1
    with pytest.raises(PemError, match=rf"^line {second}: second private key in the file \(PRIVATE KEY\)$"):
        pem.private_key(files.key + files.key)


def test_more_blocks_than_the_maximum_are_rejected(files: Files) -> None:
    assert len(pem.read_blocks(files.first * 3, ALL, maximum_blocks=3)) == 3
    with pytest.raises(PemError, match=r"^more than 2 PEM blocks$"):
        pem.read_blocks(files.first * 3, ALL, maximum_blocks=2)


def test_errors_and_representations_contain_no_key_material(files: Files) -> None:
    body = b"".join(files.key.splitlines()[1:-1]).decode()
    broken = [
        files.key.replace(b"\n", b"\n!", 2),
        files.key.replace(b"\n", b""),
        files.key.replace(b"\n", b"", 1),
        files.key.replace(b"PRIVATE KEY", body.encode()),
        files.key[:100],
        relabelled(files.key, b"").replace(b"PRIVATE KEY", b"OPENSSH PRIVATE KEY"),
    ]
    for data in broken:
        with pytest.raises(PemError) as caught:
            pem.read_blocks(data, ALL)
        assert caught.value.__cause__ is None
        assert not any(body[start : start + 8] in str(caught.value) for start in range(len(body) - 8))
    assert body[:8] not in repr(pem.read_blocks(files.key, ALL))


@settings(max_examples=300)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_certificates_or_an_error(data: bytes) -> None:
    for candidate in (data, b"-----BEGIN TRUSTED CERTIFICATE-----\n" + data + b"\n-----END TRUSTED CERTIFICATE-----\n"):
        with pytest.raises(PemError):
            pem.certificates(candidate)


@settings(max_examples=200)
@given(content=st.binary(min_size=1, max_size=100))
def test_any_trusted_content_is_certificates_or_an_error(content: bytes) -> None:
    text = base64.b64encode(content)
    with pytest.raises(PemError):
        pem.certificates(b"-----BEGIN TRUSTED CERTIFICATE-----\n" + text + b"\n-----END TRUSTED CERTIFICATE-----\n")
