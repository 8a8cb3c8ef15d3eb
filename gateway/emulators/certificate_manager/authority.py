"""The certificate authority of the default set: a root, an RSA intermediate, and an EC intermediate.

Each installation generates its own keys. Two RSA keys serve all RSA certificates, because generating them is slow.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION = "Keyway Demo Trust"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority: its key and its certificates up to the root."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    def issue(
        self, common_name: str, key: PrivateKey, valid: tuple[dt.datetime, dt.datetime], domains: Sequence[str] = ()
    ) -> tuple[x509.Certificate, ...]:
        """Return a server certificate and the chain up to the root."""
        builder = (
            _builder(_name(common_name), self.chain[0].subject, key, valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_authority_key(self.key), critical=False)
        )
        if domains:
            names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256()), *self.chain


@dataclass(frozen=True, slots=True)
class DemoAuthority:
    """The three authorities, and one leaf key of each type."""

    root: x509.Certificate
    rsa_issuer: Issuer
    ec_issuer: Issuer
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey

    @classmethod
    async def create(cls, now: dt.datetime) -> Self:
        """Return a new authority, valid from ten years ago to ten years on (so that it covers shifted clocks)."""
        issuer_key, leaf_key = await asyncio.gather(asyncio.to_thread(_rsa_key), asyncio.to_thread(_rsa_key))
        valid = now - dt.timedelta(days=3650), now + dt.timedelta(days=3650)
        root_key = ec.generate_private_key(ec.SECP384R1())
        root_name = _name("Keyway Demo Root")
        root = _authority(root_name, root_key, root_name, root_key, valid)

        def intermediate(kind: str, key: PrivateKey) -> Issuer:
            certificate = _authority(_name(f"Keyway Demo {kind} CA"), key, root_name, root_key, valid)
            return Issuer(key, (certificate, root))

        return cls(
            root=root,
            rsa_issuer=intermediate("RSA", issuer_key),
            ec_issuer=intermediate("EC", ec.generate_private_key(ec.SECP256R1())),
            rsa_key=leaf_key,
            ec_key=ec.generate_private_key(ec.SECP256R1()),
        )


def file_text(chain: Sequence[x509.Certificate], key: PrivateKey, *, pkcs8: bool = False, passphrase: str = "") -> str:
    """Return a certificate file: the chain, leaf first, then the key (PKCS#8, or named after its type)."""
    is_pkcs8 = pkcs8 or bool(passphrase)
    private_format = serialization.PrivateFormat.PKCS8 if is_pkcs8 else serialization.PrivateFormat.TraditionalOpenSSL
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    key_text = key.private_bytes(serialization.Encoding.PEM, private_format, encryption)
    return (b"".join(map(certificate_text, chain)) + key_text).decode("ascii")


def certificate_text(certificate: x509.Certificate) -> bytes:
    """Return one certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "KR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _authority_key(issuer_key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, valid: tuple[dt.datetime, dt.datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(
    name: x509.Name, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey, valid: tuple[dt.datetime, dt.datetime]
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _builder(name, issuer, key, valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_authority_key(issuer_key), critical=False)
        .sign(issuer_key, hashes.SHA384() if issuer == name else hashes.SHA256())
    )
