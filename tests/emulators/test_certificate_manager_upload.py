"""Uploads to the Certificate Manager emulator: real files, and every documented refusal provoked for real."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.emulators.certificate_manager import Answer, Client, day, pair, pem_file, running, seeded
from tests.support.programs import run, run_async

RSA = ("rsa", "rsa_keygen_bits:2048")
P384 = ("ec", "ec_paramgen_curve:P-384")
NAME = "example.com"
LIMIT = 512 * 1024


async def post(client: Client, body: bytes, content_type: str) -> Answer:
    """An upload whose body is written by hand."""
    url = client.url(f"/certificates/{NAME}/files")
    return await client.call("POST", url, data=body, headers={"Content-Type": content_type})


async def post_parts(client: Client, *parts: tuple[str, str | None]) -> Answer:
    """An upload of (field, file name) parts, with a good certificate file; no file name: a text field."""
    form = aiohttp.FormData(default_to_multipart=True)
    for field, file_name in parts:
        if file_name is None:
            form.add_field(field, "text")
        else:
            form.add_field(field, pem_file(NAME), filename=file_name)
    return await client.call("POST", client.url(f"/certificates/{NAME}/files"), data=form)


async def test_a_file_goes_up_and_comes_down() -> None:
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


async def test_an_upload_replaces_the_file_and_what_the_list_says() -> None:
    old = {"name": NAME, "expiration_date": day(-3), "files": [{"file_name": "old.pem", "content": "old"}]}
    async with running(old, "other") as client:
        assert (await client.list("?status=EXPIRED")).names == [NAME]
        assert (await client.upload(NAME, pem_file(NAME), file_name="new.pem")).code == 0
        assert (await client.list()).names == [NAME, "other"]
        assert (await client.download(NAME)).headers["Content-Disposition"] == 'attachment; filename="new.pem"'


async def test_a_refused_upload_changes_nothing() -> None:
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
async def test_signature_algorithms_have_javas_names(
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


async def test_the_format_guides_way_from_a_java_keystore(tmp_path: Path) -> None:
    """Keytool, then `openssl pkcs12` twice and `cat`: the text that openssl puts between the blocks is no matter."""
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
async def test_a_key_under_a_passphrase_is_taken(traditional: bool, tmp_path: Path) -> None:
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


async def test_curve_parameters_and_line_ends_are_no_matter(tmp_path: Path) -> None:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem", folder=tmp_path)
    run("openssl", "req", "-x509", "-key", "key.pem", "-subj", f"/O=O/CN={NAME}", "-out", "c.pem", folder=tmp_path)
    content = (tmp_path / "c.pem").read_bytes() + (tmp_path / "key.pem").read_bytes()
    assert b"EC PARAMETERS" in content
    assert b"BEGIN EC PRIVATE KEY" in content
    async with running(NAME) as client:
        assert (await client.upload(NAME, content)).code == 0
        assert (await client.upload(NAME, content.replace(b"\n", b"\r\n"))).code == 0


async def test_52000_unknown_name() -> None:
    async with running(NAME) as client:
        assert (await client.upload("other.com", pem_file(NAME))).code == 52000


async def test_52002_two_files_already() -> None:
    files = [{"file_name": f"{name}.pem", "content": name} for name in ("a", "b")]
    async with running({"name": NAME, "files": files}) as client:
        assert (await client.upload(NAME, pem_file(NAME))).code == 52002


def broken_files() -> dict[str, bytes]:
    """Files that are not a chain and its key."""
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
async def test_52003_not_pem(kind: str) -> None:
    async with running(NAME) as client:
        answer = await client.upload(NAME, broken_files()[kind])
    assert answer.status == 200
    assert (answer.code, answer.message) == (52003, "The certificate file is not a pem file.")
    assert answer.json["body"] is None


@pytest.mark.parametrize(("file_name", "code"), [("cert.crt", 52003), ("cert", 52003), ("CERT.PEM", 0)])
async def test_52003_goes_by_the_files_name_too(file_name: str, code: int) -> None:
    async with running(NAME) as client:
        assert (await client.upload(NAME, pem_file(NAME), file_name=file_name)).code == code


@pytest.mark.parametrize("options", [{"name": "other.com"}, {"name": f"www.{NAME}"}, {"name": f"*.{NAME}"}])
async def test_52004_other_name(options: dict[str, Any]) -> None:
    async with running(NAME) as client:
        answer = await client.upload(NAME, pem_file(**options))
    assert answer.code == 52004
    expected = "The certificate name in the file is different from the requested certificate name."
    assert answer.message == expected


async def test_an_alternative_name_is_enough() -> None:
    async with running(NAME, f"www.{NAME}") as client:
        assert (await client.upload(NAME, pem_file("other.com", domains=(NAME,)))).code == 0
        # A wildcard is a name of its own.
        assert (await client.upload(f"www.{NAME}", pem_file("other.com", domains=(f"*.{NAME}",)))).code == 52004


async def test_52005_expired() -> None:
    async with running(NAME) as client:
        await client.control("/clock", {"offset_seconds": 29 * 24 * 3600})
        assert (await client.upload(NAME, pem_file(NAME))).code == 0
        await client.control("/clock", {"offset_seconds": 31 * 24 * 3600})
        answer = await client.upload(NAME, pem_file(NAME))
    assert (answer.code, answer.message) == (52005, "Certificate file has expired")


async def test_52006_other_authority() -> None:
    registered = {"name": NAME, "authority": "NHN"}
    async with running(registered) as client:
        answer = await client.upload(NAME, pem_file(NAME))
        assert (await client.upload(NAME, pem_file(NAME, subject=f"/O=NHN/CN={NAME}"))).code == 0
        # What was registered still counts after an upload.
        assert (await client.upload(NAME, pem_file(NAME))).code == 52006
    assert (answer.code, answer.message) == (52006, "The certificate has an invalid certificate authority name.")


async def test_52006_an_issuer_without_a_name() -> None:
    content = pem_file("ignored", subject="/C=KR", domains=(NAME,))
    async with running(NAME) as client:
        assert (await client.upload(NAME, content)).code == 52006


@pytest.mark.parametrize(
    "parts",
    [
        [("note", None)],
        [("certFile", "cert.pem")],
        [("File", "cert.pem")],
        [("file", None)],
        [("file", "a.pem"), ("file", "b.pem")],
        [("file", "a.pem"), ("other", "b.pem")],
    ],
)
async def test_52007_not_one_file(parts: list[tuple[str, str | None]]) -> None:
    async with running(NAME) as client:
        answer = await post_parts(client, *parts)
    assert (answer.code, answer.message) == (52007, "Requested certificate file should be one.")


async def test_a_text_field_beside_the_file_is_no_matter() -> None:
    async with running(NAME) as client:
        assert (await post_parts(client, ("note", None), ("file", "cert.pem"))).code == 0


async def test_52008_the_limit() -> None:
    content = pem_file(NAME)
    async with running(NAME) as client:
        assert (await client.upload(NAME, content + b"#" * (LIMIT - len(content)))).code == 0
        answer = await client.upload(NAME, content + b"#" * (LIMIT - len(content) + 1))
        assert (await client.upload(NAME, b"#" * 3 * LIMIT)).code == 52008
    assert answer.code == 52008
    assert answer.message == "Maximum permitted size is 524288 bytes. But, requested 524289 bytes."


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "multipart/mixed"])
async def test_other_content_types(content_type: str) -> None:
    async with running(NAME) as client:
        answer = await post(client, b"{}", content_type)
    assert answer.status == 415
    assert "header" not in answer.json


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing here"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pem"\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pem"\r\n\r\n' + b"cut",
        ),
    ],
)
async def test_broken_multipart_bodies(content_type: str, body: bytes) -> None:
    async with running(NAME) as client:
        answer = await post(client, body, content_type)
    assert (answer.status, answer.code) == (400, -4)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'filename="C:\\\\certs\\\\a.pem"', "a.pem"),
        (b'filename="../../a.pem"', "a.pem"),
        (b"filename*=UTF-8''%EC%9D%B8%EC%A6%9D.pem", "인증.pem"),
        (b'filename="\xff.pem"', "?.pem"),
        (b'filename="a\\"b.pem"', 'a\\"b.pem'),
    ],
)
async def test_file_names_lose_what_can_not_be_kept(sent: bytes, kept: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; ' + sent + b"\r\n\r\n" + pem_file(NAME) + b"\r\n--x--\r\n"
    )
    async with running(NAME) as client:
        assert (await post(client, body, "multipart/form-data; boundary=x")).code == 0
        down = await client.download(NAME)
    assert down.headers["Content-Disposition"] == f'attachment; filename="{kept}"'
    assert down.content == pem_file(NAME)


async def test_curl_uploads(tmp_path: Path) -> None:
    (tmp_path / "인증서.pem").write_bytes(pem_file(NAME))
    async with running(NAME) as client:
        url = client.url(f"/certificates/{NAME}/files")
        printed = await run_async("curl", "-s", "-F", "file=@인증서.pem", url, folder=tmp_path)
        down = await client.download(NAME)
    assert b'"isSuccessful": true' in printed
    assert down.headers["Content-Disposition"] == 'attachment; filename="인증서.pem"'
