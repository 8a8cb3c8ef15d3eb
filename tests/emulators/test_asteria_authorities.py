"""The two trust stores of the ASTERIA emulator."""

import datetime as dt
import threading
import uuid
from pathlib import Path

import pytest
from cryptography import x509

from gateway.emulators.asteria import certificates
from tests.support import x509_chain
from tests.support.emulators.asteria import AsteriaUser, issued, pkcs7, running, self_signed
from tests.support.programs import run
from tests.support.x509_chain import Wanted

STORES = ["server", "client"]
FIRST = {"server": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01", "client": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a03"}


async def aliases(client: AsteriaUser, store: str) -> list[str]:
    return [each["alias"] for each in (await client.get(f"{store}/ca/list")).certificate]


@pytest.mark.parametrize("store", STORES)
async def test_authority_is_imported_shown_and_deleted(store: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root", subject=r'/C=JP/O=A, B \+ "C";/CN=認証局')
    async with running() as client:
        before = (await client.get(f"{store}/ca/list")).certificate
        after = (await client.upload(f"{store}/ca/import", caFile=root.pem)).certificate
        assert after[:-1] == before
        added = after[-1]
        assert list(added) == ["alias", "subject", "issuer", "notBefore", "notAfter"]
        assert str(uuid.UUID(added["alias"])) == added["alias"]
        assert added["subject"] == added["issuer"] == r"CN=認証局,O=A\, B \+ \"C\"\;,C=JP"
        assert (await client.get(f"{store}/ca/list")).certificate == after

        details = (await client.get(f"{store}/ca/show", alias=added["alias"])).certificate
        assert list(details) == [
            "subject", "issuer", "notBefore", "notAfter", "version", "signatureAlgorithm", "usage",
            "fingerprintSha1", "fingerprintMd5", "serialNumber",
        ]  # fmt: skip
        assert details["subject"] == {"C": "JP", "O": 'A, B + "C";', "CN": "認証局"}
        assert [details["notBefore"], details["notAfter"]] == [added["notBefore"], added["notAfter"]]

        assert (await client.post(f"{store}/ca/delete", alias=added["alias"])).certificate == before
        for answer in (
            await client.get(f"{store}/ca/show", alias=added["alias"]),
            await client.post(f"{store}/ca/delete", alias=added["alias"]),
        ):
            assert answer.failure == (403, 4012)


async def test_stores_are_independent(tmp_path: Path) -> None:
    async with running() as client:
        assert (await client.get("client/ca/show", alias=FIRST["server"])).failure == (403, 4012)
        assert (await client.post("client/ca/delete", alias=FIRST["server"])).failure == (403, 4012)
        assert FIRST["server"] in await aliases(client, "server")
        assert FIRST["client"] in await aliases(client, "client")


@pytest.mark.parametrize("form", ["pem", "der", "bundle", "several der", "pkcs7 pem", "pkcs7 der", "text around"])
async def test_import_accepts_every_encoding_and_multiple_certificates(form: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root", kind="RSA")
    other = issued(tmp_path, "Other", root, authority=True)
    content, count = {
        "pem": (root.pem, 1),
        "der": (root.der, 1),
        "bundle": (root.pem + other.key.read_bytes() + other.pem, 2),
        "several der": (root.der + other.der, 2),
        "pkcs7 pem": (pkcs7(root, other), 2),
        "pkcs7 der": (pkcs7(other, root, form="DER"), 2),
        "text around": (run("openssl", "x509", "-text", "-in", root.certificate).replace(b"\n", b"\r\n"), 1),
    }[form]
    async with running() as client:
        listed = (await client.upload("server/ca/import", caFile=content)).certificate
        assert sorted(each["subject"] for each in listed[2:]) == sorted(
            ["CN=Root,O=Test,C=JP", "CN=Other,O=Test,C=JP"][:count]
        )


async def test_file_with_an_expired_certificate_is_rejected_as_a_whole(tmp_path: Path) -> None:
    short, long = self_signed(tmp_path, "Short", "-days", "1"), self_signed(tmp_path, "Long")
    async with running() as client:
        assert len((await client.upload("server/ca/import", caFile=short.pem)).certificate) == 3
        await client.control("POST", "/clock", {"offset_seconds": 2 * 86_400})
        await client.log_in()
        assert (await client.upload("server/ca/import", caFile=long.pem + short.pem)).failure == (400, 2802)
        assert len(await aliases(client, "server")) == 3
        assert len((await client.upload("server/ca/import", caFile=long.pem)).certificate) == 4


async def test_reimported_certificate_gets_a_second_alias(tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        await client.upload("server/ca/import", caFile=root.pem)
        await client.upload("server/ca/import", caFile=root.pem)
        assert len(set(await aliases(client, "server"))) == 4


async def test_maximum_expiration_time_is_rendered_as_year_10000_in_tokyo_time() -> None:
    never = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    without_end = x509_chain.self_signed(Wanted(x509_chain.name("Eternal"), not_after=never))
    async with running() as client:
        listed = (await client.upload("server/ca/import", caFile=x509_chain.pem(without_end))).certificate[-1]
        details = (await client.get("server/ca/show", alias=listed["alias"])).certificate
    assert listed["notAfter"] == details["notAfter"] == "10000-01-01 08:59:59"


async def test_file_with_too_many_certificates_is_rejected_as_a_whole(tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        assert (await client.upload("server/ca/import", caFile=root.der * 1_001)).failure == (400, 2204)
        assert len(await aliases(client, "server")) == 2
        assert len((await client.upload("server/ca/import", caFile=root.der * 1_000)).certificate) == 1_002


async def test_certificates_are_parsed_off_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, threads = self_signed(tmp_path, "Root"), set[threading.Thread]()

    def checked(certificate: x509.Certificate) -> None:
        threads.add(threading.current_thread())

    async with running() as client:
        monkeypatch.setattr(certificates, "check", checked)
        await client.upload("server/ca/import", caFile=root.pem)
        await client.get("server/ca/list")
    assert threads
    assert threading.current_thread() not in threads


async def test_invalid_files_and_fields_are_rejected(tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        not_base64 = b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"
        for content in (b"text", root.pem[:-40], root.pem + root.pem[:-40], root.der[:-4], root.der + b"\0",
                        root.key.read_bytes(), pkcs7(), not_base64):  # fmt: skip
            assert (await client.upload("server/ca/import", caFile=content)).failure == (400, 2204), content[:30]
        assert (await client.upload("server/ca/import", caFile=b"")).failure == (400, 2203)
        assert (await client.upload("server/ca/import", caFile="text")).failure == (400, 2202)
        assert (await client.upload("server/ca/import", cafile=root.pem)).failure == (400, 2301)
        assert (await client.post("server/ca/import", caFile="x")).failure == (400, 2301)
        assert (await client.get("server/ca/show")).failure == (400, 2002)
        assert (await client.get("server/ca/show", alias="")).failure == (400, 2002)
        assert (await client.post("server/ca/delete")).failure == (400, 2002)
        assert len(await aliases(client, "server")) == 2


async def test_unparsable_stored_certificate_is_reported(tmp_path: Path) -> None:
    async with running() as client:
        client.host.database.execute("UPDATE authorities SET certificate = ? WHERE store = 'server'", b"damaged")
        assert (await client.get("server/ca/list")).failure == (500, 5304)
        assert (await client.get("server/ca/show", alias=FIRST["server"])).failure == (500, 5304)
        assert len(await aliases(client, "client")) == 2
