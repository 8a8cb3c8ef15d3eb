"""Uploads to the Certificate Manager emulator: accepted files, and every documented rejection of a file."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.x509_reader.der import to_pem
from tests.support.emulators.certificate_manager import day, pair, pem_file, running, seeded
from tests.support.odd_certificates import X400_ADDRESS, alternative_names, changed, dns_name
from tests.support.programs import run
from tests.support.x509_chain import Wanted, elliptic_key, key_pem, name, pem, self_signed

RSA = ("rsa", "rsa_keygen_bits:2048")
P384 = ("ec", "ec_paramgen_curve:P-384")
NAME = "example.com"


async def test_uploaded_file_can_be_downloaded() -> None:
    content = pem_file(NAME, domains=(NAME, f"www.{NAME}"))
    async with running(NAME) as client:
        answer = await client.upload(NAME, content, file_name="새 인증서.pem")
        down = await client.download(NAME)
        entry = (await client.list(version="v1.2")).json["body"]["data"][0]
    assert answer.status == 200
    assert answer.json == {
        "header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True},
        "body": None,
    }
    assert down.content == content
    assert down.headers["Content-Disposition"] == 'attachment; filename="새 인증서.pem"'
    assert entry["authority"] == "Test Trust"
    assert entry["domains"] == [NAME, f"www.{NAME}"]
    assert entry["signatureAlgorithm"] == "SHA256withECDSA"
    assert entry["fileCreationDate"] == day(0)
    assert entry["expirationDate"] == day(30)


NEVER = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def odd_file(**options: Any) -> bytes:
    """A file that `cryptography` cannot read completely, although openssl can."""
    made = self_signed(Wanted(name(NAME), **options), elliptic_key())
    return pem(made) + key_pem(elliptic_key())


def version_4() -> bytes:
    der = changed(self_signed(Wanted(name(NAME))), {b"\xa0\x03\x02\x01\x02": b"\xa0\x03\x02\x01\x03"}, elliptic_key())
    return to_pem(der, "CERTIFICATE").encode() + key_pem(elliptic_key())


@pytest.mark.parametrize(
    ("content", "code", "expires"),
    [
        (odd_file(not_after=NEVER), 0, "9999-12-31"),
        (odd_file(extensions=(alternative_names(X400_ADDRESS, dns_name(NAME)),)), 52003, None),
        (version_4(), 52003, None),
    ],
    ids=["never expires", "x400 name", "X.509 version 4"],
)
async def test_files_that_the_parser_cannot_read_are_stored_or_rejected(
    content: bytes, code: int, expires: str | None
) -> None:
    async with running(NAME, seeded("other", content)) as client:
        assert (await client.upload(NAME, content)).code == code
        if expires is not None:
            assert (await client.list()).json["body"]["data"][0]["expirationDate"] == expires
        assert (await client.download("other")).content == content


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda content: b"\xef\xbb\xbf" + content, 0),
        (lambda content: content.replace(b"\n", b"\r\n"), 0),
        (lambda content: b"text\n" + content, 0),
        (lambda content: content.replace(b"BEGIN CERT", b"BEGIN_CERT", 1), 52003),
        (lambda content: content.partition(b"\n")[2] + content, 52003),
        (lambda content: content.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), 52003),
    ],
)
async def test_no_block_of_a_file_is_skipped(change: Callable[[bytes], bytes], code: int) -> None:
    async with running(NAME) as client:
        assert (await client.upload(NAME, change(pem_file(NAME)))).code == code


async def test_upload_replaces_the_file_and_the_list_entry() -> None:
    old = {"name": NAME, "expiration_date": day(-3), "files": [{"file_name": "old.pem", "content": "old"}]}
    async with running(old, "other") as client:
        assert (await client.list("?status=EXPIRED")).names == [NAME]
        assert (await client.upload(NAME, pem_file(NAME), file_name="new.pem")).code == 0
        assert (await client.list()).names == [NAME, "other"]
        assert (await client.download(NAME)).headers["Content-Disposition"] == 'attachment; filename="new.pem"'


async def test_rejected_upload_changes_nothing() -> None:
    async with running(seeded(NAME, pem_file(NAME))) as client:
        before = await client.list(version="v1.2")
        assert (await client.upload(NAME, b"rubbish")).code == 52003
        assert (await client.list(version="v1.2")).json == before.json
        assert (await client.download(NAME)).content == pem_file(NAME)


@pytest.mark.parametrize("name", ["*.example.com", "인증서-예시", "UPPER.example.com"])
async def test_names_are_compared_literally(name: str) -> None:
    async with running(name) as client:
        assert (await client.upload(name, pem_file(name.replace("UPPER", "upper")))).code == 0


@pytest.mark.parametrize(
    ("key", "digest", "expected"),
    [
        (RSA, "sha256", "SHA256withRSA"),
        (RSA, "sha512", "SHA512withRSA"),
        (P384, "sha384", "SHA384withECDSA"),
        (("ed25519",), "sha256", "Ed25519"),
    ],
)
async def test_signature_algorithms_have_java_names(
    key: tuple[str, ...], digest: str, expected: str, tmp_path: Path
) -> None:
    certificate, private_key = pair(NAME, key=key, digest=digest)
    async with running(NAME) as client:
        assert (await client.upload(NAME, certificate + private_key)).code == 0
        algorithm = (await client.list()).json["body"]["data"][0]["signatureAlgorithm"]
    (tmp_path / "cert.pem").write_bytes(certificate)
    printed = run("keytool", "-J-Duser.language=en", "-printcert", "-file", "cert.pem", folder=tmp_path)
    assert algorithm == expected
    assert f"Signature algorithm name: {algorithm}" in printed.decode()


async def test_file_exported_from_a_java_keystore_is_accepted(tmp_path: Path) -> None:
    """Follow the format guide: keytool, then `openssl pkcs12` twice, then `cat`. Text between the blocks is ignored."""
    run(
        "keytool", "-genkeypair", "-keystore", "k.p12", "-storetype", "PKCS12", "-storepass", "changeit", "-alias", "a",
        "-keyalg", "RSA", "-keysize", "2048", "-dname", f"CN={NAME}, O=Keytool", "-validity", "10", folder=tmp_path,
    )  # fmt: skip
    for options, file in [(["-nokeys"], "cert.pem"), (["-nodes", "-nocerts"], "key.pem")]:
        run("openssl", "pkcs12", "-in", "k.p12", "-passin", "pass:changeit", *options, "-out", file, folder=tmp_path)
    run("openssl", "rsa", "-in", "key.pem", "-traditional", "-out", "rsa.pem", folder=tmp_path)
    certificate = (tmp_path / "cert.pem").read_bytes()
    assert b"Bag Attributes" in certificate
    for key in ("key.pem", "rsa.pem"):
        async with running(NAME) as client:
            assert (await client.upload(NAME, certificate + (tmp_path / key).read_bytes())).code == 0
            assert (await client.list()).json["body"]["data"][0]["authority"] == "Keytool"


@pytest.mark.parametrize("traditional", [True, False])
async def test_encrypted_key_is_accepted(traditional: bool, tmp_path: Path) -> None:
    certificate, key = pair(NAME, key=RSA)
    (tmp_path / "key.pem").write_bytes(key)
    form = ["-traditional"] if traditional else []
    run(
        "openssl", "rsa", "-in", "key.pem", *form, "-aes128", "-passout", "pass:x1234", "-out", "e.pem", folder=tmp_path
    )
    encrypted = (tmp_path / "e.pem").read_bytes()
    assert (b"Proc-Type" in encrypted) is traditional
    async with running(NAME) as client:
        assert (await client.upload(NAME, certificate + encrypted)).code == 0


async def test_curve_parameters_and_crlf_are_accepted(tmp_path: Path) -> None:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem", folder=tmp_path)
    run("openssl", "req", "-x509", "-key", "key.pem", "-subj", f"/O=O/CN={NAME}", "-out", "c.pem", folder=tmp_path)
    content = (tmp_path / "c.pem").read_bytes() + (tmp_path / "key.pem").read_bytes()
    assert b"EC PARAMETERS" in content
    assert b"BEGIN EC PRIVATE KEY" in content
    async with running(NAME) as client:
        assert (await client.upload(NAME, content)).code == 0
        assert (await client.upload(NAME, content.replace(b"\n", b"\r\n"))).code == 0


async def test_unknown_name_returns_52000() -> None:
    async with running(NAME) as client:
        assert (await client.upload("other.com", pem_file(NAME))).code == 52000


async def test_certificate_with_two_files_returns_52002() -> None:
    files = [{"file_name": f"{name}.pem", "content": name} for name in ("a", "b")]
    async with running({"name": NAME, "files": files}) as client:
        assert (await client.upload(NAME, pem_file(NAME))).code == 52002


def broken_files() -> dict[str, bytes]:
    """Return files that are not a certificate chain with the matching key, by name."""
    certificate, key = pair(NAME)
    other_certificate, other_key = pair("other.example.com")
    der = "MIIB".encode("utf-16")
    return {
        "nothing": b"",
        "text": b"hello",
        "utf-16": certificate.decode().encode("utf-16"),
        "binary": bytes(range(256)) + der,
        "no key": certificate,
        "no certificate": key,
        "another key": certificate + other_key,
        "root first": other_certificate + certificate + key,
        "key first": key + certificate,
        "two keys": certificate + key + key,
        "key in the middle": certificate + key + certificate,
        "request": certificate.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST") + key,
        "cut": (certificate + key)[:-20],
        "bad base64": certificate.replace(b"M", b"!", 5) + key,
        "bad der": certificate.replace(certificate[100:110], b"AAAAAAAAAA") + key,
        "bad key": certificate + key.replace(key[60:80], b"A" * 20),
        "bad chain": certificate + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + key,
    }


@pytest.mark.parametrize("kind", broken_files())
async def test_invalid_pem_returns_52003(kind: str) -> None:
    async with running(NAME) as client:
        answer = await client.upload(NAME, broken_files()[kind])
    assert answer.status == 200
    assert (answer.code, answer.message) == (52003, "The certificate file is not a pem file.")
    assert answer.json["body"] is None


@pytest.mark.parametrize(("file_name", "code"), [("cert.crt", 52003), ("cert", 52003), ("CERT.PEM", 0)])
async def test_wrong_file_extension_returns_52003(file_name: str, code: int) -> None:
    async with running(NAME) as client:
        assert (await client.upload(NAME, pem_file(NAME), file_name=file_name)).code == code


@pytest.mark.parametrize("options", [{"name": "other.com"}, {"name": f"www.{NAME}"}, {"name": f"*.{NAME}"}])
async def test_different_certificate_name_returns_52004(options: dict[str, Any]) -> None:
    async with running(NAME) as client:
        answer = await client.upload(NAME, pem_file(**options))
    assert answer.code == 52004
    expected = "The certificate name in the file is different from the requested certificate name."
    assert answer.message == expected


async def test_subject_alternative_name_match_is_sufficient() -> None:
    async with running(NAME, f"www.{NAME}") as client:
        assert (await client.upload(NAME, pem_file("other.com", domains=(NAME,)))).code == 0
        # Wildcards are compared literally.
        assert (await client.upload(f"www.{NAME}", pem_file("other.com", domains=(f"*.{NAME}",)))).code == 52004


async def test_expired_certificate_returns_52005() -> None:
    async with running(NAME) as client:
        await client.control("/clock", {"offset_seconds": 29 * 24 * 3600})
        assert (await client.upload(NAME, pem_file(NAME))).code == 0
        await client.control("/clock", {"offset_seconds": 31 * 24 * 3600})
        answer = await client.upload(NAME, pem_file(NAME))
    assert (answer.code, answer.message) == (52005, "Certificate file has expired")


async def test_different_authority_returns_52006() -> None:
    registered = {"name": NAME, "authority": "NHN"}
    async with running(registered) as client:
        answer = await client.upload(NAME, pem_file(NAME))
        assert (await client.upload(NAME, pem_file(NAME, subject=f"/O=NHN/CN={NAME}"))).code == 0
        # The registered authority still applies after an upload.
        assert (await client.upload(NAME, pem_file(NAME))).code == 52006
    assert (answer.code, answer.message) == (52006, "The certificate has an invalid certificate authority name.")


async def test_issuer_without_organization_returns_52006() -> None:
    content = pem_file("ignored", subject="/C=KR", domains=(NAME,))
    async with running(NAME) as client:
        assert (await client.upload(NAME, content)).code == 52006
