"""The sample requests of the vendor documentation, sent byte for byte to the ASTERIA emulator.

Only the session ID, the body placeholders, and Content-Length differ, because the printed values are invented. HTTP/1.1
requires Host, so it is added. `[BLANK]` marks the trailing blanks of some lines in the documentation.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from yarl import URL

from tests.support.emulators.asteria import AsteriaUser, Files, issue, pkcs12, running, self_signed

STORES = ["server", "client"]
SESSION = "X-As-SessionId: {session}"
FORM = "Content-Type: application/x-www-form-urlencoded; charset=UTF-8"
MULTIPART = "Content-Type: multipart/form-data; boundary=---------------------------120912416424652; charset=UTF-8"
CREATE = b"""{
    "certificate": {
        "C": "JP",
        "ST": "StateName",
        "L": "LocalityName",
        "O": "OrganizationName",
        "OU": "UnitName",
        "CN": "subject",
        "password": "123456",
        "privateKeyPassword": "%s",
        "keySize": 1024,
        "keyAlgorithm": "RSA",
        "validPeriod": 30,
        "signatureAlgorithm": "md5WithRSAEncryption"
    }
}"""
IMPORT = b"""-----------------------------120912416424652[BLANK]
Content-Disposition: form-data; name="filePassword"

123456
-----------------------------120912416424652
Content-Disposition: form-data; name="password"

987654
-----------------------------120912416424652
Content-Disposition: form-data; name="privateKeyPassword"

zyxwvu
-----------------------------120912416424652
Content-Disposition: form-data; name="filedata"; filename="test.p12"[BLANK]
Content-Type: text/plain

[FILE]
-----------------------------120912416424652--"""
RESPONSE = b"""-----------------------------120912416424652
Content-Disposition: form-data; name="password"

123456
-----------------------------120912416424652
Content-Disposition: form-data; name="privateKeyPassword"

abcdef
-----------------------------120912416424652
Content-Disposition: form-data; name="certFile"; filename="test.crt"[BLANK]
Content-Type: text/plain

[FILE]
-----------------------------120912416424652
Content-Disposition: form-data; name="chainFile"; filename="ca.crt"[BLANK]
Content-Type: text/plain

[CHAIN]
-----------------------------120912416424652--"""
AUTHORITY = b"""-----------------------------120912416424652
Content-Disposition: form-data; name="caFile"; filename="test.cer"[BLANK]
Content-Type: text/plain

[FILE]
-----------------------------120912416424652--"""
SAMPLE_KEYS = {
    "subject", "issuer", "notBefore", "notAfter", "version", "signatureAlgorithm", "usage",
    "fingerprintSha1", "fingerprintMd5", "serialNumber", "chainInfo",
}  # fmt: skip


@dataclass(frozen=True)
class RawAnswer:
    """A raw response: head and body as received."""

    head: str
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    @property
    def result(self) -> dict[str, object]:
        result = json.loads(self.body)["result"]
        assert isinstance(result, dict)
        return result


async def send(client: AsteriaUser, *head: str, body: bytes = b"") -> RawAnswer:
    """Send one request on a new connection, with only the given headers."""
    url = URL(client.host.url)
    assert url.host is not None
    assert url.port is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = [line.format(session=client.session_id) for line in head]
    lines.append(f"Host: {url.host}:{url.port}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    received = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in received.decode().split("\r\n") if line.startswith("Content-Length: "))
    content = await reader.readexactly(int(length.partition(": ")[2]))
    writer.close()
    await writer.wait_closed()
    return RawAnswer(received.decode(), content)


def crlf(text: bytes, **placeholders: bytes) -> bytes:
    """Return the text with CRLF line ends and the placeholders replaced."""
    body = text.replace(b"\n", b"\r\n").replace(b"[BLANK]", b" ")
    for name, content in placeholders.items():
        body = body.replace(f"[{name}]".encode(), content)
    return body


async def create(client: AsteriaUser, store: str, key_password: bytes = b"123456") -> RawAnswer:
    return await send(
        client, f"POST /mcapi/certificate/{store}/create HTTP/1.1", "Content-Type: application/json; charset=UTF-8",
        SESSION, body=crlf(CREATE) % key_password,
    )  # fmt: skip


@pytest.mark.parametrize("store", STORES)
async def test_samples_of_create_show_and_exist_succeed(store: str) -> None:
    async with running() as client:
        created = await create(client, store)
        assert created.result == {"status": "success", "data": {}}
        exists = await send(client, f"GET /mcapi/certificate/{store}/exist HTTP/1.1", SESSION)
        assert exists.result == {"status": "success", "data": {"exist": True}}
        details = await send(
            client, f"POST /mcapi/certificate/{store}/show HTTP/1.1", FORM, SESSION, body=b"password=123456"
        )
    data = details.result["data"]
    assert isinstance(data, dict)
    certificate = data["certificate"]
    assert certificate.keys() == SAMPLE_KEYS
    assert certificate["subject"] == {
        "C": "JP", "ST": "StateName", "L": "LocalityName", "O": "OrganizationName", "OU": "UnitName", "CN": "subject",
    }  # fmt: skip
    assert certificate["chainInfo"] == ["CN=subject,OU=UnitName,O=OrganizationName,L=LocalityName,ST=StateName,C=JP"]
    assert certificate["signatureAlgorithm"] == "MD5withRSA"


@pytest.mark.parametrize("store", STORES)
async def test_samples_of_export_and_csr_download_succeed(store: str) -> None:
    async with running() as client:
        await create(client, store, b"abcdef")
        for function, body, name in (
            ("export", b"password=123456&outputFormat=X509&dataFormat=PEM", "certs.zip"),
            ("csr/download", b"password=123456&privateKeyPassword=abcdef", "csr.zip"),
        ):
            answer = await send(
                client, f"POST /mcapi/certificate/{store}/{function} HTTP/1.1", FORM, SESSION, body=body
            )
            assert answer.status == 200
            assert "\r\nContent-Type: application/zip\r\n" in answer.head
            assert f'\r\nContent-Disposition: filename="{name}"\r\n' in answer.head
            assert answer.body.startswith(b"PK")


@pytest.mark.parametrize("store", STORES)
async def test_printed_delete_sample_without_session_is_rejected(store: str) -> None:
    async with running() as client:
        await create(client, store)
        line = f"POST /mcapi/certificate/{store}/delete HTTP/1.1"
        printed = await send(client, line, FORM, body=b"password=123456")
        assert (printed.status, printed.result["code"]) == (403, 3001)
        assert (await send(client, line, FORM, SESSION, body=b"password=123456")).result["data"] == {}


@pytest.mark.parametrize("store", STORES)
async def test_sample_of_import_succeeds(store: str, tmp_path: Path) -> None:
    content = pkcs12(self_signed(tmp_path, "Leaf"), "123456")
    async with running() as client:
        line = f"POST /mcapi/certificate/{store}/import HTTP/1.1"
        answer = await send(client, line, MULTIPART, SESSION, body=crlf(IMPORT, FILE=content))
        data = answer.result["data"]
        assert isinstance(data, dict)
        assert data["certificate"].keys() == SAMPLE_KEYS
        assert (await client.post(f"{store}/show", password="987654")).certificate == data["certificate"]
        answer_to_csr = await client.post(f"{store}/csr/download", password="987654", privateKeyPassword="zyxwvu")
        assert answer_to_csr.failure == (500, 5310)


@pytest.mark.parametrize("store", STORES)
async def test_sample_of_csr_response_upload_succeeds(store: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        await create(client, store, b"abcdef")
        zipped = await client.post(f"{store}/csr/download", password="123456", privateKeyPassword="abcdef")
        leaf = Files(tmp_path, issue(tmp_path, "leaf", next(iter(zipped.files.values())), root))
        line = f"POST /mcapi/certificate/{store}/csr/response/upload HTTP/1.1"
        body = crlf(RESPONSE, FILE=leaf.der, CHAIN=root.der)
        assert (await send(client, line, MULTIPART, SESSION, body=body)).result["data"] == {}


@pytest.mark.parametrize("store", STORES)
async def test_samples_of_the_authority_calls_succeed(store: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        imported = await send(
            client, f"POST /mcapi/certificate/{store}/ca/import HTTP/1.1", MULTIPART, SESSION,
            body=crlf(AUTHORITY, FILE=root.der),
        )  # fmt: skip
        listed = await send(client, f"GET /mcapi/certificate/{store}/ca/list HTTP/1.1", SESSION)
        assert listed.body == imported.body
        data = listed.result["data"]
        assert isinstance(data, dict)
        assert all(
            entry.keys() == {"alias", "subject", "issuer", "notBefore", "notAfter"} for entry in data["certificate"]
        )
        alias = data["certificate"][-1]["alias"]
        details = await send(client, f"GET /mcapi/certificate/{store}/ca/show?alias={alias} HTTP/1.1", SESSION)
        details_data = details.result["data"]
        assert isinstance(details_data, dict)
        assert details_data["certificate"].keys() == SAMPLE_KEYS - {"chainInfo"}

        line = f"POST /mcapi/certificate/{store}/ca/delete HTTP/1.1"
        assert (await send(client, line, FORM, body=b"alias=test")).result["code"] == 3001
        assert (await send(client, line, FORM, SESSION, body=b"alias=test")).result["code"] == 4012


async def test_sample_of_login_succeeds() -> None:
    async with running() as client:
        answer = await send(
            client, "POST /mcapi/auth/login HTTP/1.1", FORM, body=b"userName=/keyway&password=keyway-demo&getRole=true"
        )
    data = answer.result["data"]
    assert isinstance(data, dict)
    assert data["role"] == "administrator"
