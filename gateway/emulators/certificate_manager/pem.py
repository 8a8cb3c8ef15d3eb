"""Parsing of a certificate file: the PEM chain and key, and the facts for the list.

`checks` compares the file with its registered certificate.
"""

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from gateway.emulators import pem_blocks
from gateway.emulators.certificate_manager import assumptions
from gateway.emulators.parsing import UnreadableError, parsing
from gateway.emulators.pem_blocks import PemBlock, PemBlockError

_KEY_LABELS = ("RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
_CURVE_LABEL = "EC PARAMETERS"  # `openssl ecparam -genkey` writes this block before the key

_JAVA_NAMES = {
    SignatureAlgorithmOID.RSA_WITH_MD5: "MD5withRSA",
    SignatureAlgorithmOID.RSA_WITH_SHA1: "SHA1withRSA",
    SignatureAlgorithmOID.RSA_WITH_SHA224: "SHA224withRSA",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "SHA256withRSA",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "SHA384withRSA",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "SHA512withRSA",
    SignatureAlgorithmOID.RSASSA_PSS: "RSASSA-PSS",
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: "SHA1withECDSA",
    SignatureAlgorithmOID.ECDSA_WITH_SHA224: "SHA224withECDSA",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "SHA256withECDSA",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "SHA384withECDSA",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "SHA512withECDSA",
    SignatureAlgorithmOID.ED25519: "Ed25519",
    SignatureAlgorithmOID.ED448: "Ed448",
}


class NotPemError(Exception):
    """The file is not a PEM chain with its private key."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a certificate for the list; None (or no domains) if unknown."""

    authority: str | None = None
    signature_algorithm: str | None = None
    domains: tuple[str, ...] = ()
    file_creation_date: dt.date | None = None
    expiration_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A parsed file: the facts for the list, and the values for the checks."""

    facts: Facts
    names: frozenset[str]
    issuer_names: frozenset[str]
    expires: dt.datetime


def read(content: bytes) -> CertificateFile:
    """Parse a file. NotPemError states the reason for a failure. Key checks take some milliseconds."""
    try:
        blocks = [block for block in pem_blocks.read(content) if block.label != _CURVE_LABEL]
    except PemBlockError as error:
        raise NotPemError(str(error)) from error
    if len(blocks) < 2:
        raise NotPemError("the file contains no certificate, or no private key")
    *chain, key = blocks
    if key.label not in _KEY_LABELS or any(block.label != "CERTIFICATE" for block in chain):
        raise NotPemError("the file must contain certificates, followed by one private key")
    try:
        with parsing("a certificate or its key"):
            leaf, *_ = [x509.load_pem_x509_certificate(block.text) for block in chain]
            belongs = _is_encrypted(key) or _belongs(key, leaf)
            described = _describe(leaf)
    except UnreadableError as error:
        raise NotPemError(str(error)) from error
    if not belongs:
        raise NotPemError("the private key does not belong to the first certificate")
    return described


def _is_encrypted(key: PemBlock) -> bool:
    return key.label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in key.text


def _belongs(key: PemBlock, leaf: x509.Certificate) -> bool:
    public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    private_key = serialization.load_pem_private_key(key.text, None)
    return private_key.public_key().public_bytes(*public) == leaf.public_key().public_bytes(*public)


def _describe(leaf: x509.Certificate) -> CertificateFile:
    common_names = _texts(leaf.subject, NameOID.COMMON_NAME)
    alternative_names = _alternative_names(leaf)
    issuer_names = [*_texts(leaf.issuer, NameOID.ORGANIZATION_NAME), *_texts(leaf.issuer, NameOID.COMMON_NAME)]
    oid = leaf.signature_algorithm_oid
    facts = Facts(
        authority=next(iter(issuer_names), None),
        signature_algorithm=_JAVA_NAMES.get(oid, oid.dotted_string),
        domains=tuple(dict.fromkeys(alternative_names or common_names)),
        file_creation_date=_day(leaf.not_valid_before_utc),
        expiration_date=_day(leaf.not_valid_after_utc),
    )
    names = frozenset([*common_names, *alternative_names])
    return CertificateFile(facts, names, frozenset(issuer_names), leaf.not_valid_after_utc)


def _day(instant: dt.datetime) -> dt.date:
    """The day in the service's time zone. 9999-12-31T23:59:59Z, commonly used for "never", has none: its day in UTC."""
    try:
        return instant.astimezone(assumptions.ZONE).date()
    except OverflowError:
        return instant.date()


def _texts(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    """Return the attribute's non-empty values."""
    values = [attribute.value for attribute in name.get_attributes_for_oid(oid)]
    return [value for value in values if isinstance(value, str) and value.strip()]


def _alternative_names(leaf: x509.Certificate) -> list[str]:
    try:
        extension = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return []
    value = extension.value
    return value.get_values_for_type(x509.DNSName) if isinstance(value, x509.SubjectAlternativeName) else []
