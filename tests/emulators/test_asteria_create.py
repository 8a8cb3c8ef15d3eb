"""`create` in the ASTERIA emulator: all key and signature algorithms, and JSON validation."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulators.asteria import PASSWORDS, AsteriaUser, running
from tests.support.programs import run

RSA = {"keyAlgorithm": "RSA", "keySize": 1024}
DSA = {"keyAlgorithm": "DSA", "keySize": 1024}
ALGORITHMS: list[tuple[dict[str, object], str, str, str]] = [
    (RSA, "md5WithRSAEncryption", "MD5withRSA", "md5WithRSAEncryption"),
    (RSA, "MD5withRSA", "MD5withRSA", "md5WithRSAEncryption"),
    (RSA, "sha1WithRSAEncryption", "SHA1withRSA", "sha1WithRSAEncryption"),
    (RSA, "SHA256withRSA", "SHA256withRSA", "sha256WithRSAEncryption"),
    (RSA, "sha512WithRSAEncryption", "SHA512withRSA", "sha512WithRSAEncryption"),
    (DSA, "SHA1withDSA", "SHA1withDSA", "dsaWithSHA1"),
    (DSA, "SHA256withDSA", "SHA256withDSA", "dsa_with_SHA256"),
    ({}, "SHA1withECDSA", "SHA1withECDSA", "ecdsa-with-SHA1"),
    ({}, "SHA256withECDSA", "SHA256withECDSA", "ecdsa-with-SHA256"),
    ({"keySize": 521}, "SHA512withECDSA", "SHA512withECDSA", "ecdsa-with-SHA512"),
]


async def certificate_and_csr(client: AsteriaUser) -> tuple[bytes, bytes]:
    formats = {"outputFormat": "X509", "dataFormat": "PEM"}
    exported = await client.post("server/export", password=PASSWORDS["password"], **formats)
    downloaded = await client.post("server/csr/download", **PASSWORDS)
    return next(iter(exported.files.values())), next(iter(downloaded.files.values()))


@pytest.mark.parametrize(("key", "requested", "expected", "openssl"), ALGORITHMS)
async def test_openssl_accepts_every_algorithm(
    key: dict[str, object], requested: str, expected: str, openssl: str, tmp_path: Path
) -> None:
    async with running() as client:
        assert (await client.create("server", **key, signatureAlgorithm=requested)).data == {}
        described = (await client.post("server/show", password=PASSWORDS["password"])).certificate
        certificate, csr = await certificate_and_csr(client)
    assert described["signatureAlgorithm"] == expected
    run("openssl", "req", "-verify", "-noout", data=csr)
    for kind, content in (("req", csr), ("x509", certificate)):
        assert f"Signature Algorithm: {openssl}\n" in run("openssl", kind, "-noout", "-text", data=content).decode()
    file = tmp_path / "self.pem"
    file.write_bytes(certificate)
    # Security level 0 makes openssl accept MD5. The self-signature is checked too.
    verified = run("openssl", "verify", "-check_ss_sig", "-auth_level", "0", "-CAfile", file, file)
    assert verified.endswith(b": OK\n")
    assert run("openssl", "x509", "-noout", "-pubkey", data=certificate) == run(
        "openssl", "req", "-noout", "-pubkey", data=csr
    )


async def test_create_replaces_certificate_csr_and_passwords() -> None:
    async with running() as client:
        await client.create(CN="first.example.com")
        _, first = await certificate_and_csr(client)
        assert (await client.create(CN="second.example.com", password="another1")).data == {}
        assert (await client.post("server/show", password=PASSWORDS["password"])).failure == (400, 2401)
        details = (await client.post("server/show", password="another1")).certificate
        answer = await client.post("server/csr/download", **PASSWORDS | {"password": "another1"})
    assert details["subject"]["CN"] == "second.example.com"
    assert next(iter(answer.files.values())) != first


async def test_times_and_serial_number_follow_the_clock() -> None:
    async with running() as client:
        await client.control("POST", "/clock", {"offset_seconds": 400 * 86_400})
        await client.log_in()
        now = client.host.clock.now()
        await client.create(validPeriod=7)
        details = (await client.post("server/show", password=PASSWORDS["password"])).certificate
    assert abs(int(details["serialNumber"]) / 1000 - now.timestamp()) < 60
    assert details["notBefore"][:4] == str(now.year)


async def test_common_name_is_the_only_required_subject_field() -> None:
    async with running() as client:
        assert (await client.create(C=..., ST=..., L=..., O="", OU=None)).data == {}
        details = (await client.post("server/show", password=PASSWORDS["password"])).certificate
    assert details["subject"] == {"CN": "鍵.example.com"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(({name: ...}, 2102) for name in ("CN", "password", "privateKeyPassword", "keySize", "keyAlgorithm",
                                           "validPeriod", "signatureAlgorithm")),
        ({"CN": ""}, 2102), ({"keySize": None}, 2102), ({"password": ""}, 2102),
        ({"keySize": "256"}, 2103), ({"keySize": 256.0}, 2103), ({"keySize": True}, 2103),
        ({"validPeriod": "30"}, 2103), ({"CN": 5}, 2103), ({"CN": ["x"]}, 2103), ({"O": {}}, 2103),
        ({"password": 12345678}, 2103), ({"keyAlgorithm": 1}, 2103), ({"signatureAlgorithm": False}, 2103),
        ({"password": "12345"}, 2107), ({"privateKeyPassword": "12345"}, 2107), ({"password": "ひみつです"}, 2107),
        ({"validPeriod": 0}, 2101), ({"validPeriod": -1}, 2101), ({"validPeriod": 10**9}, 2101),
        ({"keyAlgorithm": "ElGamal"}, 2101), ({"keyAlgorithm": "ec"}, 2101), ({"keySize": 257}, 2101),
        ({"keySize": 512, "keyAlgorithm": "RSA", "signatureAlgorithm": "SHA256withRSA"}, 2101),
        ({"keySize": 512, "keyAlgorithm": "DSA", "signatureAlgorithm": "SHA256withDSA"}, 2101),
        ({"signatureAlgorithm": "SHA3-256withECDSA"}, 2101), ({"signatureAlgorithm": "SHA256withRSA"}, 2101),
        ({"C": "JPN"}, 2101), ({"C": "日本"}, 2101), ({"CN": "x" * 65}, 2101), ({"O": "a\nb"}, 2101),
        ({"CN": "\ud800"}, 2101), ({"E": "x@example.com"}, 2101),
    ],
)  # fmt: skip
async def test_rejected_create_changes_nothing(changes: dict[str, object], code: int) -> None:
    async with running() as client:
        assert (await client.create("client", **changes)).failure == (400, code)
        assert (await client.get("client/exist")).data == {"exist": False}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"json": {}}, 2102),
        ({"json": {"certificate": None}}, 2102),
        ({"json": {"certificate": []}}, 2103),
        ({"json": []}, 2103),
        ({"json": {"certificate": {}, "more": 1}}, 2101),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 2101),
        ({"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 2101),
        ({"data": b"", "headers": {"Content-Type": "application/json"}}, 2101),
        ({"data": b'{"certificate": "\xff"}', "headers": {"Content-Type": "application/json"}}, 2101),
        ({"data": {"CN": "x"}}, 2101),
    ],
)
async def test_malformed_json_body_is_rejected(arguments: dict[str, Any], code: int) -> None:
    async with running() as client:
        assert (await client.call("POST", "certificate/client/create", **arguments)).failure == (400, code)


async def test_concurrent_creates_leave_a_consistent_store() -> None:
    async with running() as client:
        answers = await asyncio.gather(*(client.create(CN=f"{number}.example.com") for number in range(8)))
        assert all(answer.data == {} for answer in answers)
        certificate, csr = await certificate_and_csr(client)
    assert run("openssl", "x509", "-noout", "-pubkey", data=certificate) == run(
        "openssl", "req", "-noout", "-pubkey", data=csr
    )
