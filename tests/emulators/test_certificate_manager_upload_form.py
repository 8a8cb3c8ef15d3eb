"""Multipart handling of uploads to the Certificate Manager emulator: form fields, size limit, and file names."""

from pathlib import Path

import aiohttp
import pytest

from tests.support.emulators.certificate_manager import (
    CertificateManagerAnswer,
    CertificateManagerUser,
    pem_file,
    running,
)
from tests.support.programs import run_async

NAME = "example.com"
LIMIT = 512 * 1024


async def post(client: CertificateManagerUser, body: bytes, content_type: str) -> CertificateManagerAnswer:
    """Upload a raw body."""
    url = client.url(f"/certificates/{NAME}/files")
    return await client.call("POST", url, data=body, headers={"Content-Type": content_type})


async def post_parts(client: CertificateManagerUser, *parts: tuple[str, str | None]) -> CertificateManagerAnswer:
    """Upload (field, file name) parts with a valid certificate file. Without a file name, the part is a text field."""
    form = aiohttp.FormData(default_to_multipart=True)
    for field, file_name in parts:
        if file_name is None:
            form.add_field(field, "text")
        else:
            form.add_field(field, pem_file(NAME), filename=file_name)
    return await client.call("POST", client.url(f"/certificates/{NAME}/files"), data=form)


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
async def test_other_than_one_file_returns_52007(parts: list[tuple[str, str | None]]) -> None:
    async with running(NAME) as client:
        answer = await post_parts(client, *parts)
    assert (answer.code, answer.message) == (52007, "Requested certificate file should be one.")


async def test_extra_text_field_is_ignored() -> None:
    async with running(NAME) as client:
        assert (await post_parts(client, ("note", None), ("file", "cert.pem"))).code == 0


async def test_file_over_the_size_limit_returns_52008() -> None:
    content = pem_file(NAME)
    async with running(NAME) as client:
        assert (await client.upload(NAME, content + b"#" * (LIMIT - len(content)))).code == 0
        answer = await client.upload(NAME, content + b"#" * (LIMIT - len(content) + 1))
        assert (await client.upload(NAME, b"#" * 3 * LIMIT)).code == 52008
    assert answer.code == 52008
    assert answer.message == "Maximum permitted size is 524288 bytes. But, requested 524289 bytes."


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "multipart/mixed"])
async def test_other_content_types_are_rejected(content_type: str) -> None:
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
async def test_malformed_multipart_body_is_rejected(content_type: str, body: bytes) -> None:
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
async def test_file_names_are_sanitized(sent: bytes, kept: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; ' + sent + b"\r\n\r\n" + pem_file(NAME) + b"\r\n--x--\r\n"
    )
    async with running(NAME) as client:
        assert (await post(client, body, "multipart/form-data; boundary=x")).code == 0
        down = await client.download(NAME)
    assert down.headers["Content-Disposition"] == f'attachment; filename="{kept}"'
    assert down.content == pem_file(NAME)


async def test_upload_with_curl(tmp_path: Path) -> None:
    (tmp_path / "인증서.pem").write_bytes(pem_file(NAME))
    async with running(NAME) as client:
        url = client.url(f"/certificates/{NAME}/files")
        printed = await run_async("curl", "-s", "-F", "file=@인증서.pem", url, folder=tmp_path)
        down = await client.download(NAME)
    assert b'"isSuccessful": true' in printed
    assert down.headers["Content-Disposition"] == 'attachment; filename="인증서.pem"'
