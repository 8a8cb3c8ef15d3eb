"""`keyway certs` and `keyway cas`, except their lists."""

import datetime as dt
import os
import stat
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
WWW = "nhn-certs/www.example.com"


@pytest.fixture
def asteria(commands: Commands, keyway_sandbox: Sandbox) -> Commands:
    """ASTERIA in its initial state."""
    keyway_sandbox.control("asteria", "POST", "/reset", {})
    return commands


class Authority:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "한국 인증 기관")])
        self.certificate = self.issue(self.name, self.key.public_key(), ca=True)
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def issue(self, subject: x509.Name, key: Any, *, ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def test_show_prints_the_fields_of_a_certificate(commands: Commands) -> None:
    ran = commands("certs", "show", WWW)
    fields = dict(line.split(maxsplit=1) for line in ran.lines if line[0] != " " and not line.startswith("Valid"))
    assert fields["Name"] == "providers/nhn-certs/certificates/www.example.com"
    assert fields["Subject"].startswith("CN=www.example.com")
    assert len(fields["SHA-256"]) == 32 * 3 - 1
    assert " days)" in ran.text
    assert commands("certs", "show", WWW, "--json").objects()[0]["notAfter"]
    assert "SHA-256" not in commands("certs", "show", WWW, "--basic").text


def test_passwords_come_from_files_standard_input_and_variables(asteria: Commands) -> None:
    for content in ("changeit\n", "\ufeffchangeit\r\n"):
        (asteria.folder / "password").write_text(content)
        assert "warp.keyway.example" in asteria("certs", "show", "asteria/server", "--password-file", "password").text
    by_stdin = asteria("certs", "show", "asteria/server", "--password-stdin", data=b"changeit\r\nmore")
    assert "warp.keyway.example" in by_stdin.text
    assert asteria("certs", "show", "asteria/server", KEYWAY_PASSWORD="wrong12").code == 17
    nowhere = asteria("certs", "show", "asteria/server")
    assert nowhere.code == 2
    assert nowhere.errors.startswith("keyway: Key store password required: pass --password-file FILE or")


def test_download_writes_certificates_and_private_key(commands: Commands) -> None:
    ran = commands("certs", "download", WWW, "--include-private-key")
    assert ran.code == 0
    (key,) = commands.folder.glob("*.key")
    assert (ran.output, stat.S_IMODE(key.stat().st_mode)) == (b"", 0o600)
    leaf = x509.load_pem_x509_certificates(key.with_suffix(".pem").read_bytes())[0]
    assert load_pem_private_key(key.read_bytes(), None).public_key() == leaf.public_key()
    key.with_suffix(".pem").unlink()
    key.write_text("mine")
    # One of the two files exists, so neither is written.
    assert commands("certs", "download", WWW, "--include-private-key").code == 2
    assert [path.name for path in commands.folder.iterdir()] == [key.name]
    same = commands("certs", "download", WWW, "--include-private-key", "-o", key.name, "--force")
    assert (same.code, key.read_text()) == (2, "mine")


def test_download_writes_der_and_json(commands: Commands) -> None:
    der = commands("certs", "download", WWW, "--format", "der", "-o", "-")
    assert b"www.example.com" in der.output
    x509.load_der_x509_certificate(der.output)
    result = commands("certs", "download", WWW, "--json").objects()[0]
    assert "privateKeyPem" not in result
    assert len(result["certificateChain"]) == 3
    assert list(commands.folder.iterdir()) == []


def test_private_keys_of_two_domains_are_two_files(commands: Commands) -> None:
    commands("certs", "download", WWW, "--include-private-key", "-o", "www.example.com")
    first = (commands.folder / "www.example.com.key").read_bytes()
    ran = commands("certs", "download", "nhn-certs/ec.example.com", "--include-private-key", "-o", "www.example.org")
    assert ran.code == 0
    assert (commands.folder / "www.example.com.key").read_bytes() == first
    leaf = x509.load_pem_x509_certificates((commands.folder / "www.example.org").read_bytes())[0]
    key = load_pem_private_key((commands.folder / "www.example.org.key").read_bytes(), None)
    assert key.public_key() == leaf.public_key()


def test_a_file_name_of_255_bytes_is_written(commands: Commands) -> None:
    name = "인" * 83 + "12.pem"
    assert len(name.encode()) == 255
    assert commands("certs", "download", WWW, "--include-private-key", "-o", name).code == 0
    assert {path.name for path in commands.folder.iterdir()} == {name, f"{name.removesuffix('.pem')}.key"}


def test_a_file_whose_name_is_not_utf8_is_uploaded(commands: Commands) -> None:
    commands("certs", "download", WWW, "--include-private-key", "-o", "www.pem")
    pem = (commands.folder / "www.pem").read_bytes() + (commands.folder / "www.key").read_bytes()
    name = os.fsdecode("인증서.pem".encode("euc-kr"))
    (commands.folder / name).write_bytes(pem)
    assert commands("certs", "upload", WWW, name).code == 0


def test_upload_replaces_the_file(commands: Commands) -> None:
    commands("certs", "download", WWW, "--include-private-key", "-o", "www.pem")
    pem = (commands.folder / "www.pem").read_bytes() + (commands.folder / "www.key").read_bytes()
    assert commands("certs", "upload", WWW, "-", data=pem).code == 0
    assert commands("certs", "upload", WWW, "-", data=b"no PEM").code == 13


def test_certificate_is_created_signed_installed_and_deleted(asteria: Commands) -> None:
    passwords: dict[str, Any] = {"KEYWAY_PASSWORD": "store-pass", "KEYWAY_PRIVATE_KEY_PASSWORD": "key-pass"}
    name = "asteria/client"
    made = asteria("certs", "create", name, "--cn", "한국.example.com", "--country", "KR", "--days", "10", **passwords)
    assert made.code == 0
    assert "C=KR" in made.text
    assert asteria("certs", "create", name, "--cn", "other", **passwords).code == 16
    request = x509.load_pem_x509_csr(asteria("certs", "csr", name, **passwords).output)
    authority = Authority()
    signed = authority.issue(request.subject, request.public_key(), ca=False)
    (asteria.folder / "chain.pem").write_bytes(authority.pem)
    pem = signed.public_bytes(Encoding.PEM)
    installed = asteria("certs", "install", name, "-", "--chain", "chain.pem", data=pem, **passwords)
    assert (installed.code, installed.errors) == (0, "")
    assert "Issuer       CN=한국 인증 기관" in asteria("certs", "show", name, **passwords).text
    assert asteria("certs", "delete", name, "--yes", **passwords).code == 0
    assert asteria("certs", "delete", name, "--yes", **passwords).code == 15


def test_import_stores_a_key_store(asteria: Commands) -> None:
    authority = Authority()
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(authority.name, key.public_key(), ca=False)
    store = serialize_key_and_certificates(b"x", key, certificate, None, BestAvailableEncryption(b"of-file"))
    (asteria.folder / "client.p12").write_bytes(store)
    asked = ("certs", "import", "asteria/client", "client.p12")
    ran = asteria(*asked, KEYWAY_PASSWORD="store-pass", KEYWAY_FILE_PASSWORD="of-file")
    assert ran.code == 0, ran.errors
    assert "한국 인증 기관" in ran.text
    assert asteria(*asked, KEYWAY_PASSWORD="store-pass", KEYWAY_FILE_PASSWORD="wrong-one", data=b"").code == 16
    assert asteria(*asked, "--replace", KEYWAY_PASSWORD="store-pass", KEYWAY_FILE_PASSWORD="wrong-one").code == 17


def test_authorities_are_imported_shown_and_deleted(asteria: Commands) -> None:
    (asteria.folder / "ca.pem").write_bytes(Authority().pem)
    added = asteria("cas", "import", "asteria/server", "ca.pem")
    assert added.code == 0
    (row,) = added.lines[1:]
    assert "한국 인증 기관" in row
    name = row.split()[0]
    assert "Valid until" in asteria("cas", "show", name).text
    assert asteria("cas", "import", "server", "ca.pem").errors in (
        "The trust store already contains all authorities in the file.\n",
        "",
    )
    assert asteria("cas", "delete", name, "-y").code == 0
    assert asteria("cas", "show", name).code == 15
