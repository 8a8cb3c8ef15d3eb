"""`import` in the ASTERIA emulator: PKCS#12 from openssl and keytool, JKS from keytool, and invalid files."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12 as library

from gateway.emulators.asteria import der
from tests.support.emulators.asteria import (
    PASSWORDS,
    AsteriaAnswer,
    AsteriaUser,
    Files,
    issued,
    java_store,
    keytool,
    pkcs12,
    running,
    self_signed,
)
from tests.support.programs import run

FILE_PASSWORD = "file-secret"
PKCS12_OPTIONS: list[tuple[str, ...]] = [
    (),
    ("-legacy",),
    ("-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-40", "-macalg", "md5"),
    ("-keypbe", "AES-128-CBC", "-certpbe", "NONE", "-macalg", "sha512"),
    ("-nomac",),
]
KEY_KINDS = [
    ("-keyalg", "RSA", "-keysize", "1024"),
    ("-keyalg", "DSA", "-keysize", "1024", "-sigalg", "SHA1withDSA"),
    ("-keyalg", "EC", "-groupname", "secp384r1"),
]


async def imported(client: AsteriaUser, content: bytes, store: str = "client", **fields: str) -> AsteriaAnswer:
    values = {"filePassword": FILE_PASSWORD, **PASSWORDS} | fields
    return await client.upload(f"{store}/import", **values, filedata=content)


async def assert_usable(client: AsteriaUser, certificate: dict[str, Any], store: str = "client") -> None:
    """Check that the new passwords work and the store matches the import response, without a CSR."""
    details = await client.post(f"{store}/show", password=PASSWORDS["password"])
    assert details.certificate == certificate
    assert (await client.post(f"{store}/csr/download", **PASSWORDS)).failure == (500, 5310)
    wrong = PASSWORDS | {"privateKeyPassword": FILE_PASSWORD}
    assert (await client.post(f"{store}/csr/download", **wrong)).failure == (400, 2401)


@pytest.mark.parametrize("options", PKCS12_OPTIONS)
async def test_pkcs12_from_openssl_is_imported(options: tuple[str, ...], tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    middle = issued(tmp_path, "Middle", root, authority=True)
    leaf = issued(tmp_path, "Leaf", middle, kind="RSA")
    extra = tmp_path / "extra.pem"
    extra.write_bytes(self_signed(tmp_path, "Stranger").pem + root.pem + middle.pem)
    content = pkcs12(leaf, FILE_PASSWORD, "-certfile", extra, *options)
    async with running() as client:
        certificate = (await imported(client, content)).certificate
        assert certificate["subject"] == {"C": "JP", "O": "Test", "CN": "Leaf"}
        assert certificate["chainInfo"] == [f"CN={name},O=Test,C=JP" for name in ("Middle", "Root", "Root")]
        await assert_usable(client, certificate)
        assert (await imported(client, content, filePassword="wrong")).failure == (400, 2401)
        assert (await client.post("client/show", password=PASSWORDS["password"])).certificate == certificate


async def test_short_japanese_file_password_is_accepted(tmp_path: Path) -> None:
    leaf = self_signed(tmp_path, "Leaf")
    async with running() as client:
        assert (await imported(client, pkcs12(leaf, "a"), filePassword="a")).status == 200
        assert (await imported(client, pkcs12(leaf, "ひみつ"), filePassword="ひみつ")).status == 200


@pytest.mark.parametrize("store_type", ["JKS", "PKCS12"])
@pytest.mark.parametrize("kind", KEY_KINDS)
async def test_keystores_from_keytool_are_imported(store_type: str, kind: tuple[str, ...], tmp_path: Path) -> None:
    content = java_store(tmp_path / "store.jks", FILE_PASSWORD, *kind, store_type=store_type).read_bytes()
    assert content.startswith(b"\xfe\xed\xfe\xed") == (store_type == "JKS")
    async with running() as client:
        certificate = (await imported(client, content)).certificate
        assert certificate["subject"] == {"C": "JP", "O": "Test", "CN": "java.example.com"}
        await assert_usable(client, certificate)
        assert (await imported(client, content, filePassword="wrong-secret")).failure == (400, 2401)


async def test_jks_with_a_chain_and_other_entries_is_imported(tmp_path: Path) -> None:
    root, path = self_signed(tmp_path, "Root"), tmp_path / "store.jks"
    common = ("-keystore", path, "-storepass", FILE_PASSWORD)
    keytool("-importcert", "-noprompt", "-alias", "信頼", "-storetype", "JKS", "-file", root.certificate, *common)
    java_store(path, FILE_PASSWORD, "-keyalg", "EC", "-groupname", "secp256r1")
    keytool("-certreq", "-alias", "x", "-file", tmp_path / "x.csr", *common)
    run("openssl", "x509", "-req", "-in", tmp_path / "x.csr", "-out", tmp_path / "x.crt", "-CA", root.certificate,
        "-CAkey", root.key, "-CAcreateserial")  # fmt: skip
    keytool("-importcert", "-noprompt", "-alias", "x", "-file", tmp_path / "x.crt", *common)
    async with running() as client:
        certificate = (await imported(client, path.read_bytes())).certificate
    assert certificate["chainInfo"] == ["CN=Root,O=Test,C=JP"] * 2


async def test_jks_with_a_separate_key_password_is_rejected(tmp_path: Path) -> None:
    content = java_store(
        tmp_path / "store.jks", FILE_PASSWORD, "-keyalg", "RSA", "-keysize", "1024", key_password="another-secret"
    ).read_bytes()
    async with running() as client:
        assert (await imported(client, content)).failure == (400, 2401)
        assert (await client.get("client/exist")).data == {"exist": False}


def with_null_parameters(der: bytes) -> bytes:
    """Return a DSA certificate with NULL parameters in its signature algorithms. `cryptography` rejects them."""
    algorithm = bytes.fromhex("300b0609608648016503040302")
    assert (der[:2], der[4:6], der.count(algorithm)) == (b"\x30\x82", b"\x30\x82", 2)
    whole, signed = (int.from_bytes(der[start : start + 2], "big") for start in (2, 6))
    lengths = (whole + 4).to_bytes(2, "big"), (signed + 2).to_bytes(2, "big")
    body = der[8:].replace(algorithm, bytes.fromhex("300d06096086480165030403020500"))
    return b"\x30\x82" + lengths[0] + b"\x30\x82" + lengths[1] + body


def stores_with_null_parameters(folder: Path) -> tuple[bytes, bytes]:
    """Return a PKCS#12 file and a JKS file with such a certificate. Some versions of keytool create them."""
    parameters, key, certificate = (folder / f"dsa.{suffix}" for suffix in ("parameters", "key", "crt"))
    run("openssl", "dsaparam", "-out", parameters, "1024")
    run("openssl", "gendsa", "-out", key, parameters)
    der = run("openssl", "req", "-x509", "-sha256", "-key", key, "-subj", "/CN=Odd", "-days", "30", "-outform", "DER")
    certificate.write_bytes(run("openssl", "x509", "-inform", "DER", data=with_null_parameters(der)))
    store, jks = folder / "odd.p12", folder / "odd.jks"
    store.write_bytes(pkcs12(Files(key, certificate), FILE_PASSWORD))
    keytool("-importkeystore", "-srckeystore", store, "-srcstoretype", "PKCS12", "-srcstorepass", FILE_PASSWORD,
            "-destkeystore", jks, "-deststoretype", "JKS", "-deststorepass", FILE_PASSWORD)  # fmt: skip
    return store.read_bytes(), jks.read_bytes()


async def test_unsupported_files_are_rejected(tmp_path: Path) -> None:
    leaf = self_signed(tmp_path, "Leaf")
    good = pkcs12(leaf, FILE_PASSWORD)
    trust_only = tmp_path / "trust.jks"
    keytool("-importcert", "-noprompt", "-alias", "a", "-storetype", "JKS", "-file", leaf.certificate,
            "-keystore", trust_only, "-storepass", FILE_PASSWORD)  # fmt: skip
    jceks = java_store(tmp_path / "s.jceks", FILE_PASSWORD, "-keyalg", "EC", store_type="JCEKS").read_bytes()
    odd, odd_too = stores_with_null_parameters(tmp_path)
    password = ("-passout", f"pass:{FILE_PASSWORD}")
    no_key = run("openssl", "pkcs12", "-export", "-nokeys", "-in", leaf.certificate, *password)
    assert jceks.startswith(b"\xce\xce\xce\xce")
    async with running() as client:
        broken = [b"text", good[:-20], good[:40], leaf.pem, leaf.der, leaf.key.read_bytes(), no_key]
        broken += [b"\xfe\xed\xfe\xed", trust_only.read_bytes(), trust_only.read_bytes()[:60]]
        for content in (*broken, jceks, odd, odd_too):
            assert (await imported(client, content)).failure == (400, 2204), content[:20]
        assert (await imported(client, trust_only.read_bytes(), filePassword="wrong-secret")).failure == (400, 2401)
        assert (await client.get("client/exist")).data == {"exist": False}


def unexpected(*_: object) -> None:
    raise AssertionError("the file was read")


LONG_DERIVATIONS: list[tuple[str, ...]] = [
    ("-iter", "600001"),
    ("-macalg", "sha1", "-iter", "600001", "-legacy"),
    ("-iter", "600001", "-nomac", "-certpbe", "NONE"),
    ("-iter", "600001", "-nomac", "-keypbe", "NONE", "-certpbe", "PBE-SHA1-3DES"),
    ("-iter", "600001", "-nomac", "-legacy"),
]


@pytest.mark.parametrize("options", LONG_DERIVATIONS)
async def test_excessive_key_derivation_rounds_are_rejected_before_derivation(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pkcs12(self_signed(tmp_path, "Leaf"), FILE_PASSWORD, *options)
    monkeypatch.setattr(library, "load_pkcs12", unexpected)
    async with running() as client:
        assert (await imported(client, content)).failure == (400, 2204)


async def test_too_many_key_derivations_are_rejected_before_derivation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file repeats the key bag. Each bag stays within the limit of rounds; the total does not."""
    content = pkcs12(self_signed(tmp_path, "Leaf"), FILE_PASSWORD, "-iter", "600000", "-nomac", "-certpbe", "NONE")
    version, info = der.single(content, der.SEQUENCE).children()
    kind, explicit = info.children()
    infos = der.single(der.single(explicit.content, der.OCTET_STRING).content, der.SEQUENCE).children()
    many = der.encode(der.OCTET_STRING, der.encode(der.SEQUENCE, *(each.encoded for each in infos * 4)))
    info_of_many = der.encode(der.SEQUENCE, kind.encoded, der.encode(der.CONTEXT_0, many))
    monkeypatch.setattr(library, "load_pkcs12", unexpected)
    async with running() as client:
        answer = await imported(client, der.encode(der.SEQUENCE, version.encoded, info_of_many))
    assert answer.failure == (400, 2204)
    assert "too many iterations" in answer.json["result"]["message"]


async def test_pkcs12_with_too_many_certificates_is_rejected(tmp_path: Path) -> None:
    leaf = self_signed(tmp_path, "Leaf")
    key = serialization.load_pem_private_key(leaf.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate, protection = (
        x509.load_pem_x509_certificate(leaf.pem),
        serialization.BestAvailableEncryption(FILE_PASSWORD.encode()),
    )
    good, bad = (
        library.serialize_key_and_certificates(None, key, certificate, [certificate] * count, protection)
        for count in (999, 1_000)
    )
    async with running() as client:
        assert (await imported(client, bad)).failure == (400, 2204)
        assert (await imported(client, good)).status == 200


async def test_key_derivation_at_the_round_limit_is_accepted(tmp_path: Path) -> None:
    content = pkcs12(self_signed(tmp_path, "Leaf"), FILE_PASSWORD, "-iter", "600000")
    async with running() as client:
        assert (await imported(client, content)).status == 200


async def test_scrypt_and_indefinite_lengths_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of neither can be bounded before the file is read."""
    leaf = self_signed(tmp_path, "Leaf")
    pbkdf2 = pkcs12(leaf, FILE_PASSWORD, "-nomac", "-certpbe", "NONE")
    scrypt = pbkdf2.replace(der.encode_oid("1.2.840.113549.1.5.12"), der.encode_oid("1.3.6.1.4.1.11591.4.11"))
    body = der.single(pbkdf2, der.SEQUENCE).content
    monkeypatch.setattr(library, "load_pkcs12", unexpected)
    async with running() as client:
        for content in (scrypt, b"\x30\x80" + body + b"\0\0"):
            assert (await imported(client, content)).failure == (400, 2204)


async def test_missing_or_short_fields_are_rejected(tmp_path: Path) -> None:
    content = pkcs12(self_signed(tmp_path, "Leaf"), FILE_PASSWORD)
    fields = {"filePassword": FILE_PASSWORD, **PASSWORDS}
    async with running() as client:
        for name in fields:
            rest: dict[str, str | bytes] = {key: value for key, value in fields.items() if key != name}
            assert (await client.upload("client/import", **rest, filedata=content)).failure == (400, 2002)
            assert (await imported(client, content, **{name: ""})).failure == (400, 2002)
        for name in PASSWORDS:
            assert (await imported(client, content, **{name: "12345"})).failure == (400, 2004)
        assert (await client.upload("client/import", **fields)).failure == (400, 2202)
        assert (await client.upload("client/import", **fields, filedata="text")).failure == (400, 2202)
        assert (await client.upload("client/import", **fields, filedata=b"")).failure == (400, 2203)
        assert (await client.upload("client/import", **fields, fileData=content)).failure == (400, 2301)
        assert (await client.post("client/import", **fields)).failure == (400, 2301)
        assert (await imported(client, content, password="secret", privateKeyPassword="secret")).status == 200


async def test_import_replaces_certificate_passwords_and_csr(tmp_path: Path) -> None:
    async with running() as client:
        await client.create("server")
        assert (await client.post("server/csr/download", **PASSWORDS)).status == 200
        content = pkcs12(self_signed(tmp_path, "Leaf"), FILE_PASSWORD)
        certificate = (await imported(client, content, "server")).certificate
        await assert_usable(client, certificate, "server")
