"""Cached certificates for tests: a root, an intermediate authority, and a leaf, with keys in every PEM form.

This module depends on no vendor and not on the gateway.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

NOT_BEFORE = datetime(2025, 3, 2, 1, 2, 3, tzinfo=UTC)
NOT_AFTER = datetime(2035, 3, 25, 20, 59, 59, tzinfo=UTC)
"""In Seoul, this is already the 26th."""


def name(common_name: str, organization: str = "Example") -> x509.Name:
    """Return a name with C, O, and CN, in the order of certificates."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "KR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass(frozen=True)
class Wanted:
    """The properties of a certificate. Each test changes the properties that it tests."""

    subject: x509.Name
    extensions: tuple[x509.ExtensionType, ...] = ()
    not_after: datetime = NOT_AFTER
    not_before: datetime = NOT_BEFORE
    serial_number: int = 4660


def make(wanted: Wanted, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey) -> x509.Certificate:
    """Return a certificate for `key`, signed with `issuer_key`."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(wanted.subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(wanted.serial_number)
        .not_valid_before(wanted.not_before)
        .not_valid_after(wanted.not_after)
    )
    for extension in wanted.extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(issuer_key, algorithm)


def self_signed(wanted: Wanted, key: PrivateKey | None = None) -> x509.Certificate:
    """Return a self-signed certificate."""
    key = key or elliptic_key()
    return make(wanted, key, wanted.subject, key)


@cache
def elliptic_key(_number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Return the same key for the same number."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return the key of the leaf."""
    return rsa.generate_private_key(65537, 2048)


def authority(depth: int | None = None) -> x509.BasicConstraints:
    """Return the extension of an authority."""
    return x509.BasicConstraints(ca=True, path_length=depth)


def key_usage(**uses: bool) -> x509.KeyUsage:
    """Return a key usage with only these uses."""
    all_uses = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(all_uses | uses))


@dataclass(frozen=True)
class CertificateChain:
    """leaf ← authority ← root; `key` is the leaf's."""

    leaf: x509.Certificate
    authority: x509.Certificate
    root: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return (self.leaf, self.authority, self.root)

    def pem(self) -> bytes:
        """Return the file that Certificate Manager stores: the chain, leaf first, and the unencrypted key."""
        return b"".join(map(pem, self.certificates)) + key_pem(self.key)


@cache
def chain() -> CertificateChain:
    """Return the chain that most tests use."""
    root_name, authority_name = name("Test Root"), name("Test Authority")
    root_key, authority_key, leaf_key = elliptic_key(1), elliptic_key(2), rsa_key()
    leaf = Wanted(
        name("www.example.com"),
        (
            x509.SubjectAlternativeName([x509.DNSName("www.example.com"), x509.DNSName("*.example.com")]),
            key_usage(digital_signature=True, key_encipherment=True),
        ),
    )
    root = Wanted(root_name, (authority(),), serial_number=1)
    return CertificateChain(
        leaf=make(leaf, leaf_key, authority_name, authority_key),
        authority=make(replace(root, subject=authority_name, serial_number=2), authority_key, root_name, root_key),
        root=self_signed(root, root_key),
        key=leaf_key,
    )


def pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM)


def key_pem(
    key: PrivateKey,
    form: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
    password: bytes | None = None,
) -> bytes:
    """Return the key in PEM."""
    encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)
