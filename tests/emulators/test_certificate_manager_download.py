"""Downloads from the Certificate Manager emulator: a file on success, the JSON envelope on failure."""

import datetime as dt
import os
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.emulators.certificate_manager import (
    CertificateManagerUser,
    dated_file,
    pem_file,
    running,
    running_default,
    seeded,
)
from tests.support.programs import run, run_async

TWO_FILES = {"name": "two", "files": [{"file_name": f"{name}.pem", "content": name} for name in ("a", "b")]}


async def demo(client: CertificateManagerUser, name: str) -> bytes:
    """Return a file of the default set."""
    answer = await client.call("GET", client.url(f"/certificates/{quote(name)}/files", "v1.2", "certmanager-demo"))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    return answer.content


@pytest.mark.parametrize("version", ["v1.0", "v1.2"])
async def test_response_is_the_file(version: str) -> None:
    content = pem_file("example.com")
    async with running(seeded("example.com", content, "my cert.pem")) as client:
        answer = await client.download("example.com", version)
    assert answer.status == 200
    assert answer.content == content
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my cert.pem"'


@pytest.mark.parametrize(
    ("name", "header"),
    [('a"b.pem', 'attachment; filename="a\\"b.pem"'), ("인증서.pem", 'attachment; filename="인증서.pem"')],
)
async def test_file_names_are_quoted(name: str, header: str) -> None:
    async with running(seeded("a", "x", name)) as client:
        answer = await client.download("a")
    assert answer.headers["Content-Disposition"] == header


@pytest.mark.parametrize(
    ("name", "path"), [("*.example.com", "%2A.example.com"), ("인증서-예시", quote("인증서-예시"))]
)
async def test_percent_encoded_name_is_decoded(name: str, path: str) -> None:
    async with running(seeded(name, "x")) as client:
        assert (await client.download(path)).content == b"x"
        assert (await client.download(path.replace("%", "%25"))).code == 52000


@pytest.mark.parametrize("name", ["missing", "a%2Fb", "%FF", "%ED%A0%80", "a%00b"])
async def test_unknown_name_returns_52000(name: str) -> None:
    async with running("a") as client:
        answer = await client.download(name)
        later = await client.download(name, "v1.2")
    assert answer.status == later.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "Content-Disposition" not in answer.headers
    assert answer.json == {
        "header": {"resultCode": 52000, "resultMessage": "Certificate name does not exist.", "isSuccessful": False},
        "body": None,
    }
    assert later.json == answer.json | {"body": {}}


async def test_names_are_not_patterns() -> None:
    async with running("*", "_") as client:
        assert (await client.download("www")).code == 52000
        assert (await client.download("a")).code == 52000
        assert (await client.download("*")).code == 52001


async def test_missing_or_duplicate_file_is_an_error() -> None:
    async with running("none", TWO_FILES) as client:
        none = await client.download("none")
        two = await client.download("two")
    assert (none.code, none.message) == (52001, "Certificate file does not exist.")
    assert (two.code, two.message) == (52002, "There are more than one certificate file.")


async def test_unknown_id_in_v1_3_is_an_error() -> None:
    async with running("123", bearer_tokens=["t"]) as client:
        headers = {"X-NHN-AUTHORIZATION": "Bearer t"}
        answer = await client.download("456", "v1.3", headers=headers)
        assert (await client.download("x456", "v1.3", headers=headers)).code == 52000
        assert (await client.download("123", "v1.3", headers=headers)).code == 52001
        assert (await client.download("456", "v1.2")).code == 52000
    assert (answer.status, answer.code, answer.message) == (404, 52009, "Certificate id does not exist.")


async def test_expired_and_broken_files_are_served() -> None:
    async with running_default() as client:
        expired = await demo(client, "expired.example.com")
        broken = await demo(client, "broken-file.example.com")
    assert expired.startswith(b"-----BEGIN CERTIFICATE-----")
    assert broken == b"This file is not a certificate.\n"


@pytest.mark.parametrize(
    ("name", "label", "passphrase"),
    [
        ("www.example.com", "RSA PRIVATE KEY", None),
        ("*.example.com", "RSA PRIVATE KEY", None),
        ("인증서-예시", "RSA PRIVATE KEY", None),
        ("ec.example.com", "EC PRIVATE KEY", None),
        ("pkcs8.example.com", "PRIVATE KEY", None),
        ("encrypted.example.com", "ENCRYPTED PRIVATE KEY", b"demo-passphrase"),
    ],
)
async def test_default_files_are_valid_chains(name: str, label: str, passphrase: bytes | None, tmp_path: Path) -> None:
    """Openssl verifies the chain up to the seeded root, and the key matches the leaf."""
    async with running_default() as client:
        content = await demo(client, name)
        root = (await client.control("/seed")).json["authority_certificate"]
    assert f"-----BEGIN {label}-----".encode() in content
    leaf, *rest = x509.load_pem_x509_certificates(content)
    key = serialization.load_pem_private_key(content[content.index(b"-----BEGIN " + label.encode()) :], passphrase)
    public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert key.public_key().public_bytes(*public) == leaf.public_key().public_bytes(*public)
    assert len(rest) == (1 if name == "*.example.com" else 2)
    for file, text in [("root.pem", root), ("chain.pem", content.decode())]:
        (tmp_path / file).write_text(text)
    run("openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "chain.pem", folder=tmp_path)


async def test_tls_server_can_use_the_default_file(tmp_path: Path) -> None:
    async with running_default() as client:
        (tmp_path / "cert.pem").write_bytes(await demo(client, "www.example.com"))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tmp_path / "cert.pem")


async def test_documented_curl_commands_work(tmp_path: Path) -> None:
    async with running(seeded("example.com", "content", "인증서 2026.pem")) as client:
        url = client.url("/certificates/example.com/files")
        printed = await run_async("curl", "-s", url, folder=tmp_path)
        await run_async("curl", "-s", "-o", "cert.pem", url, folder=tmp_path)
        await run_async("curl", "-s", "-OJ", url, folder=tmp_path)
    assert printed == b"content"
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {
        "cert.pem": "content",
        "인증서 2026.pem": "content",
    }


async def test_stored_file_can_be_checked_on_download() -> None:
    now = dt.datetime.now(dt.UTC)
    expired = dated_file("old.example.com", now - dt.timedelta(60), now - dt.timedelta(30))
    files = (seeded("broken", "x"), seeded("old.example.com", expired), seeded("example.com", pem_file("example.com")))
    for checked in (True, False):
        async with running(*files, check_downloads=checked) as client:
            answers = [await client.download(name) for name in ("broken", "old.example.com")]
            if checked:
                assert [answer.code for answer in answers] == [52003, 52005]
            else:
                assert [answer.content for answer in answers] == [b"x", expired]
            assert (await client.download("example.com")).content.startswith(b"-----BEGIN")
