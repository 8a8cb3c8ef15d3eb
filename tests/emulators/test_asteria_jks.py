"""The JKS reader with files from keytool and with inconsistent files."""

import hashlib
import struct
from pathlib import Path

import pytest

from gateway.emulators.asteria import jks
from tests.support.emulators.asteria import java_store, keytool
from tests.support.programs import run

PASSWORD = "store-secret"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a keystore with an EC key, and a trusted copy of the certificate of the key."""
    folder = tmp_path_factory.mktemp("jks")
    path = java_store(folder / "s.jks", PASSWORD, "-keyalg", "EC", "-groupname", "secp256r1", key_password="key-secret")
    common = ("-keystore", path, "-storepass", PASSWORD)
    keytool("-exportcert", "-alias", "x", "-file", folder / "x.der", *common)
    keytool("-importcert", "-noprompt", "-alias", "trusted", "-file", folder / "x.der", *common)
    return path


def signed(content: bytes) -> bytes:
    """Append the integrity digest that the JDK writes."""
    whitened = PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content
    return content + hashlib.sha1(whitened).digest()


def entry_of_each_kind(store: Path) -> tuple[jks.PrivateKeyEntry, jks.TrustedCertificateEntry]:
    entries = {type(entry): entry for entry in jks.read(store.read_bytes(), PASSWORD)}
    key, trusted = entries[jks.PrivateKeyEntry], entries[jks.TrustedCertificateEntry]
    assert isinstance(key, jks.PrivateKeyEntry)
    assert isinstance(trusted, jks.TrustedCertificateEntry)
    return key, trusted


def test_key_with_its_own_password_and_trusted_certificate_are_read(store: Path) -> None:
    key, trusted = entry_of_each_kind(store)
    assert (key.alias, trusted.alias) == ("x", "trusted")
    assert key.chain == (trusted.certificate,)
    with pytest.raises(jks.JksPasswordError):
        key.private_key(PASSWORD)
    public = run("openssl", "pkey", "-inform", "DER", "-pubout", data=key.private_key("key-secret"))
    assert public == run("openssl", "x509", "-inform", "DER", "-noout", "-pubkey", data=trusted.certificate)


def test_version_1_keystore_without_certificate_types_is_read(store: Path) -> None:
    _, trusted = entry_of_each_kind(store)
    alias = b"\x00\x03a\xc0\x80"
    content = struct.pack(">4sIII", jks.MAGIC, 1, 1, 2) + alias + bytes(8)
    content += struct.pack(">I", len(trusted.certificate)) + trusted.certificate
    (entry,) = jks.read(signed(content), PASSWORD)
    assert entry == jks.TrustedCertificateEntry("a\0", trusted.certificate)


def test_wrong_password_or_any_changed_byte_is_rejected(store: Path) -> None:
    content = store.read_bytes()
    with pytest.raises(jks.JksPasswordError):
        jks.read(content, "wrong-secret")
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x41
        with pytest.raises(jks.JksError):
            jks.read(bytes(changed), PASSWORD)


def test_every_truncation_is_rejected_even_with_a_valid_digest(store: Path) -> None:
    content = store.read_bytes()
    for length in range(len(content)):
        with pytest.raises(jks.JksError):
            jks.read(content[:length], PASSWORD)
        if length < len(content) - 20:
            with pytest.raises(jks.JksError):
                jks.read(signed(content[:length]), PASSWORD)


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (struct.pack(">II", 3, 0), "version"),
        (struct.pack(">II", 2, 2**32 - 1), "is incomplete"),
        (struct.pack(">II", 2, 0) + b"more", "data follows the last entry"),
        (struct.pack(">III", 2, 1, 3) + bytes(10), "unknown entry type 3"),
        (struct.pack(">IIIHQI", 2, 1, 1, 0, 0, 2**32 - 1), "is incomplete"),
        (struct.pack(">IIIHQII", 2, 1, 1, 0, 0, 0, 2**32 - 1), "is incomplete"),
        (struct.pack(">IIIH", 2, 1, 2, 2) + b"\xff\xff" + bytes(8), "not valid text"),
        (struct.pack(">IIIHQH", 2, 1, 2, 0, 0, 3) + b"PGP" + bytes(4), "not X.509"),
    ],
)
def test_malformed_keystore_is_rejected(tail: bytes, reason: str) -> None:
    with pytest.raises(jks.JksError, match=reason):
        jks.read(signed(jks.MAGIC + tail), PASSWORD)


@pytest.mark.parametrize("magic", [b"", b"\xfe\xed", b"\xce\xce\xce\xce\0\0\0\2\0\0\0\0", b"\x30\x82\x01\x00"])
def test_files_that_are_not_jks_are_rejected(magic: bytes) -> None:
    with pytest.raises(jks.JksError, match="JCEKS" if magic.startswith(b"\xce") else "not a JKS"):
        jks.read(magic, PASSWORD)


@pytest.mark.parametrize(
    "protected", [b"", b"\x30\x00", b"\x30\x80\x00\x00", b"\x04\x02ab", b"\x30\x04\x30\x00\x04\x00"]
)
def test_unsupported_key_encryption_is_rejected(protected: bytes) -> None:
    with pytest.raises(jks.JksError):
        jks.PrivateKeyEntry("x", protected, ()).private_key(PASSWORD)


def test_empty_keystore_is_valid() -> None:
    assert jks.read(signed(jks.MAGIC + struct.pack(">II", 2, 0)), PASSWORD) == ()
