"""The certificate life cycle in the ASTERIA emulator, with openssl as the authority and as the reference reader."""

import datetime as dt
import re
from pathlib import Path

import pytest

from tests.support import openssl
from tests.support.emulators.asteria import (
    PASSWORDS,
    AsteriaAnswer,
    AsteriaUser,
    Files,
    issue,
    issued,
    pkcs7,
    running,
    self_signed,
)  # fmt: skip
from tests.support.programs import run

STORES = ["server", "client"]
STORE_PASSWORD = {"password": PASSWORDS["password"]}


async def export(client: AsteriaUser, store: str, output: str, data: str) -> AsteriaAnswer:
    return await client.post(f"{store}/export", **STORE_PASSWORD, outputFormat=output, dataFormat=data)


async def csr(client: AsteriaUser, store: str) -> bytes:
    """Return the CSR from the ZIP file, and check the documented headers."""
    answer = await client.post(f"{store}/csr/download", **PASSWORDS)
    assert answer.headers["Content-Disposition"] == 'filename="csr.zip"'
    ((name, content),) = answer.files.items()
    assert name == f"{store}.csr"
    return content


@pytest.mark.parametrize("store", STORES)
async def test_certificate_life_cycle_from_create_to_delete(store: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root", subject="/C=JP/O=信頼/CN=Root")
    middle = issued(tmp_path, "Middle", root, authority=True)
    async with running() as client:
        if store == "server":
            assert (await client.post("server/delete", password="changeit")).data == {}
        assert (await client.get(f"{store}/exist")).data == {"exist": False}

        assert (await client.create(store)).data == {}
        assert (await client.get(f"{store}/exist")).data == {"exist": True}
        request = await csr(client, store)
        run("openssl", "req", "-verify", "-noout", data=request)
        subject = run("openssl", "req", "-noout", "-subject", "-nameopt", "RFC2253,utf8,-esc_msb",
                      data=request).decode()  # fmt: skip
        assert subject.strip() == 'subject=CN=鍵.example.com,O=Keyway\\, Inc. \\+ \\"Co\\",ST=東京都,C=JP'

        leaf = Files(tmp_path, issue(tmp_path, "leaf", request, middle))
        answer = await client.upload(
            f"{store}/csr/response/upload", **PASSWORDS, certFile=leaf.pem, chainFile=root.pem + middle.pem
        )
        assert answer.data == {}
        details = (await client.post(f"{store}/show", **STORE_PASSWORD)).certificate
        assert_described(details, leaf)
        assert details["chainInfo"] == ["CN=Middle,O=Test,C=JP", "CN=Root,O=信頼,C=JP", "CN=Root,O=信頼,C=JP"]
        assert await csr(client, store) == request

        chain = [leaf.der, middle.der, root.der]
        pem = (await export(client, store, "X509", "PEM")).files
        assert list(pem) == [f"{store}-{number}.pem" for number in (1, 2, 3)]
        assert [run("openssl", "x509", "-outform", "DER", data=each) for each in pem.values()] == chain
        der = (await export(client, store, "X509", "DER")).files
        assert list(der) == [f"{store}-{number}.der" for number in (1, 2, 3)]
        assert list(der.values()) == chain
        for data in ("PEM", "DER"):
            bundle = await export(client, store, "PKCS7", data)
            assert bundle.headers["Content-Disposition"] == 'filename="certs.zip"'
            ((name, content),) = bundle.files.items()
            assert name == f"{store}.p7b"
            printed = run("openssl", "pkcs7", "-inform", data, "-print_certs", data=content)
            assert printed.count(b"-----BEGIN CERTIFICATE-----") == 3

        assert (await client.post(f"{store}/delete", **STORE_PASSWORD)).data == {}
        assert (await client.get(f"{store}/exist")).data == {"exist": False}
        for answer in (
            await client.post(f"{store}/show", **STORE_PASSWORD),
            await client.post(f"{store}/delete", **STORE_PASSWORD),
            await client.post(f"{store}/csr/download", **PASSWORDS),
            await export(client, store, "X509", "PEM"),
            await client.upload(f"{store}/csr/response/upload", **PASSWORDS, certFile=leaf.pem),
        ):
            assert answer.failure == (403, 4012)


def assert_described(details: dict[str, object], files: Files) -> None:
    """Compare the output of `show` with the output of openssl."""
    dates = run("openssl", "x509", "-in", files.certificate, "-noout", "-startdate", "-enddate").decode()
    tokyo = dt.timezone(dt.timedelta(hours=9))
    times = [
        dt.datetime.strptime(line.partition("=")[2], "%b %d %H:%M:%S %Y GMT").replace(tzinfo=dt.UTC).astimezone(tokyo)
        for line in dates.splitlines()
    ]
    assert [details["notBefore"], details["notAfter"]] == [f"{time:%Y-%m-%d %H:%M:%S}" for time in times]
    for digest in ("Sha1", "Md5"):
        text = run("openssl", "x509", "-in", files.certificate, "-noout", "-fingerprint", f"-{digest}").decode()
        assert details[f"fingerprint{digest}"] == text.strip().partition("=")[2].lower()
    serial = run("openssl", "x509", "-in", files.certificate, "-noout", "-serial").decode().strip()
    assert details["serialNumber"] == str(int(serial.partition("=")[2], 16))
    assert details["version"] == "3"
    assert details["signatureAlgorithm"] == "SHA256withECDSA"
    assert details["subject"] == {"C": "JP", "ST": "東京都", "O": 'Keyway, Inc. + "Co"', "CN": "鍵.example.com"}
    assert details["issuer"] == {"C": "JP", "O": "Test", "CN": "Middle"}
    assert isinstance(details["usage"], dict)
    assert [flag for flag, on in details["usage"].items() if on] == ["digitalSignature", "keyAgreement"]


async def test_show_returns_exactly_the_documented_keys() -> None:
    async with running() as client:
        await client.create()
        details = (await client.post("server/show", **STORE_PASSWORD)).certificate
    assert list(details) == [
        "subject", "issuer", "notBefore", "notAfter", "version", "signatureAlgorithm", "usage",
        "fingerprintSha1", "fingerprintMd5", "serialNumber", "chainInfo",
    ]  # fmt: skip
    assert list(details["usage"]) == [
        "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
        "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
    ]  # fmt: skip
    assert not any(details["usage"].values())
    assert details["subject"] == details["issuer"]
    assert len(details["chainInfo"]) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", details["notBefore"])
    assert re.fullmatch(r"([0-9a-f]{2}:){19}[0-9a-f]{2}", details["fingerprintSha1"])
    assert re.fullmatch(r"\d+", details["serialNumber"])


def certificate_of_version_1(path: Path, request: Path, issuer: Files) -> Path:
    """Issue a certificate without extensions."""
    empty = path.with_suffix(".cnf")
    empty.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    option = ("-x509v1",) if openssl.version() >= (3, 4) else ()  # later versions of OpenSSL make version 3 otherwise
    run("openssl", "req", "-x509", *option, "-config", empty, "-in", request, "-out", path,
        "-CA", issuer.certificate, "-CAkey", issuer.key)  # fmt: skip
    return path


async def test_show_reports_certificate_version_1(tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    async with running() as client:
        await client.create()
        request = tmp_path / "leaf.csr"
        request.write_bytes(await csr(client, "server"))
        leaf = Files(tmp_path, certificate_of_version_1(tmp_path / "leaf.crt", request, root))
        assert (await client.upload("server/csr/response/upload", **PASSWORDS, certFile=leaf.pem)).data == {}
        details = (await client.post("server/show", **STORE_PASSWORD)).certificate
    assert details["version"] == "1"
    assert details["chainInfo"] == ["CN=Root,O=Test,C=JP"]


@pytest.mark.parametrize("form", ["pem", "der", "pkcs7 pem", "pkcs7 der", "pkcs7 and chain"])
async def test_csr_response_is_accepted_in_every_encoding(form: str, tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root", kind="RSA")
    async with running() as client:
        await client.create()
        leaf = Files(tmp_path, issue(tmp_path, "leaf", await csr(client, "server"), root))
        files = {
            "pem": {"certFile": root.pem + leaf.pem},
            "der": {"certFile": leaf.der, "chainFile": root.der},
            "pkcs7 pem": {"certFile": pkcs7(leaf, root)},
            "pkcs7 der": {"certFile": pkcs7(root, leaf, form="DER")},
            "pkcs7 and chain": {"certFile": pkcs7(leaf, root), "chainFile": pkcs7(root, form="DER")},
        }[form]
        assert (await client.upload("server/csr/response/upload", **PASSWORDS, **files)).data == {}
        details = (await client.post("server/show", **STORE_PASSWORD)).certificate
    assert details["chainInfo"] == ["CN=Root,O=Test,C=JP"] * 2
    assert details["signatureAlgorithm"] == "SHA256withRSA"


async def test_mismatched_csr_response_is_rejected(tmp_path: Path) -> None:
    root, unrelated = self_signed(tmp_path, "Root"), self_signed(tmp_path, "Stranger")
    same_name_folder = tmp_path / "other"
    same_name_folder.mkdir()
    same_name = self_signed(same_name_folder, "Root")
    async with running() as client:
        await client.create()
        leaf = Files(tmp_path, issue(tmp_path, "leaf", await csr(client, "server"), root)).pem

        async def upload(**fields: str | bytes) -> tuple[int, int | None]:
            return (await client.upload("server/csr/response/upload", **{**PASSWORDS, **fields})).failure

        assert await upload(certFile=unrelated.pem) == (400, 2801)
        assert await upload(certFile=leaf, chainFile=unrelated.pem) == (400, 2801)
        assert await upload(certFile=leaf, chainFile=same_name.pem) == (400, 2801)
        assert await upload(certFile=b"nothing") == (400, 2204)
        assert await upload(certFile=leaf[:-40]) == (400, 2204)
        assert await upload(certFile=b"\x30\x80\x00\x00") == (400, 2204)
        assert await upload(certFile=leaf, chainFile=root.key.read_bytes()) == (400, 2204)
        assert await upload(certFile=leaf, password="wrong-secret") == (400, 2401)
        assert await upload(certFile=leaf, privateKeyPassword="wrong-secret") == (400, 2401)
        assert await upload(certFile=leaf, privateKeyPassword="") == (400, 2002)
        assert await upload(certFile="text") == (400, 2202)
        assert await upload(certFile=b"") == (400, 2203)
        assert await upload() == (400, 2202)
        assert await upload(certFile=leaf, chainFile=b"") == (400, 2203)
        assert await upload(certFile=leaf, chainfile=root.pem) == (400, 2301)
        details = (await client.post("server/show", **STORE_PASSWORD)).certificate
        assert details["issuer"]["CN"] == "鍵.example.com"


async def test_wrong_or_missing_password_is_rejected() -> None:
    formats = {"outputFormat": "X509", "dataFormat": "PEM"}
    wrong = {"password": "wrong-secret"}
    async with running() as client:
        await client.create()
        assert (await client.post("server/show", **wrong)).failure == (400, 2401)
        assert (await client.post("server/delete", **wrong)).failure == (400, 2401)
        assert (await client.post("server/export", **wrong, **formats)).failure == (400, 2401)
        assert (await client.post("server/csr/download", **PASSWORDS | wrong)).failure == (400, 2401)
        swapped = {"password": PASSWORDS["privateKeyPassword"], "privateKeyPassword": PASSWORDS["password"]}
        assert (await client.post("server/csr/download", **swapped)).failure == (400, 2401)
        only_key_wrong = PASSWORDS | {"privateKeyPassword": PASSWORDS["password"]}
        assert (await client.post("server/csr/download", **only_key_wrong)).failure == (400, 2401)
        for function, fields in {
            "show": {}, "delete": {"password": ""}, "csr/download": STORE_PASSWORD, "export": formats,
        }.items():  # fmt: skip
            assert (await client.post(f"server/{function}", **fields)).failure == (400, 2002)
        for missing, value in formats.items():
            fields = STORE_PASSWORD | {name: each for name, each in formats.items() if name != missing}
            assert (await client.post("server/export", **fields)).failure == (400, 2002)
            fields = STORE_PASSWORD | formats | {missing: value.lower()}
            assert (await client.post("server/export", **fields)).failure == (400, 2003)
        assert (await client.get("server/exist")).data == {"exist": True}


async def test_parameters_are_read_only_from_the_form() -> None:
    async with running() as client:
        await client.create()
        in_url = await client.call("POST", "certificate/server/show", params=STORE_PASSWORD)
        assert in_url.failure == (400, 2002)
        as_json = await client.call("POST", "certificate/server/show", json=STORE_PASSWORD)
        assert as_json.failure == (400, 2002)
        assert (await client.upload("server/show", **STORE_PASSWORD)).failure == (400, 2002)


async def test_stores_are_independent() -> None:
    async with running() as client:
        await client.create("client", CN="client.example.com")
        assert (await client.post("client/show", password="changeit")).failure == (400, 2401)
        server = (await client.post("server/show", password="changeit")).certificate
        assert server["subject"]["CN"] == "warp.keyway.example"
        await client.post("server/delete", password="changeit")
        assert (await client.get("client/exist")).data == {"exist": True}
