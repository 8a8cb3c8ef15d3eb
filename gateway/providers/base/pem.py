"""Reader for the PEM files that providers return, and the order of certificate chains.

`gateway/pem.py` reads the blocks. This module limits their number and size, and raises FormatError for files that it
rejects. Private keys stay text: this module does not parse, decrypt, or convert them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway import pem as reader
from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS, Block
from gateway.providers.base.errors import FormatError

MAXIMUM_BYTES: Final = 1024 * 1024
MAXIMUM_BLOCKS: Final = 100

_BEGIN: Final = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class PemBundle:
    """The certificates of a file in its order, and the text of its private key, if it has one."""

    certificates: tuple[x509.Certificate, ...]
    private_key_pem: str | None = field(default=None, repr=False)


def is_pem(data: bytes) -> bool:
    """Return whether `data` contains the start of a PEM block."""
    return _BEGIN in data


def read_bundle(data: bytes) -> PemBundle:
    """Return one or more certificates and at most one private key (PKCS#1, SEC 1, PKCS#8, encrypted PKCS#8).

    Raises FormatError for a malformed or unsupported block, for a file without a certificate or with several private
    keys, and for a file that exceeds a limit.
    """
    blocks = read_blocks(data, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS)
    certificates = tuple(load_certificate(block.der) for block in blocks if block.label in CERTIFICATE_LABELS)
    keys = [block.text for block in blocks if block.label in PRIVATE_KEY_LABELS]
    if not certificates:
        raise FormatError("the file contains no certificate")
    if len(keys) > 1:
        raise FormatError("the file contains more than one private key")
    return PemBundle(certificates, keys[0] if keys else None)


def read_blocks(data: bytes, expected: Collection[str]) -> list[Block]:
    """Return the blocks with the expected labels in the order of the file; see `gateway.pem.read_blocks`.

    Raises FormatError for a file that is rejected, or that exceeds MAXIMUM_BYTES or MAXIMUM_BLOCKS.
    """
    if len(data) > MAXIMUM_BYTES:
        raise FormatError(f"the file has more than {MAXIMUM_BYTES} bytes")
    try:
        return reader.read_blocks(data, expected, maximum_blocks=MAXIMUM_BLOCKS)
    except reader.PemError as error:
        raise FormatError(f"the PEM file is malformed: {error}") from None


def load_certificate(der: bytes) -> x509.Certificate:
    """Return a certificate in DER. Raises FormatError if its names, dates, version, or serial number are invalid."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = (certificate.subject, certificate.issuer, certificate.version, certificate.serial_number)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise FormatError("the file contains an invalid certificate") from error
    return certificate


def order_chain(
    certificates: Sequence[x509.Certificate], private_key_pem: str | None = None
) -> tuple[x509.Certificate, ...]:
    """Return the certificates with the leaf first, each followed by its issuer, and unrelated ones at the end.

    The leaf is the certificate of the private key, if it is given and not encrypted. Otherwise it is the first
    certificate that issued none of the others and is not an authority, or the first that issued none of the others.
    """
    remaining = [_link(certificate) for certificate in certificates]
    ordered: list[_Link] = []
    current = _leaf(remaining, private_key_pem)
    while current is not None:
        remaining.remove(current)
        ordered.append(current)
        child = current
        current = next((candidate for candidate in remaining if _issued(candidate, child)), None)
    return tuple(link.certificate for link in (*ordered, *remaining))


class _Link(NamedTuple):
    """The data that determines the order of a chain. It is read once because all pairs are compared."""

    certificate: x509.Certificate
    subject: bytes
    issuer: bytes
    own_key: bytes | None
    issuers_key: bytes | None
    is_authority: bool


def _link(certificate: x509.Certificate) -> _Link:
    own_key = issuers_key = None
    is_authority = False
    for extension in _extensions(certificate) or ():
        value = extension.value
        if isinstance(value, x509.SubjectKeyIdentifier):
            own_key = value.digest
        elif isinstance(value, x509.AuthorityKeyIdentifier):
            issuers_key = value.key_identifier
        elif isinstance(value, x509.BasicConstraints):
            is_authority = value.ca
    subject, issuer = certificate.subject.public_bytes(), certificate.issuer.public_bytes()
    return _Link(certificate, subject, issuer, own_key, issuers_key, is_authority)


def _leaf(links: Sequence[_Link], private_key_pem: str | None) -> _Link | None:
    expected = _public_key_of(private_key_pem)
    if expected is not None:
        for link in links:
            if _public_key(link.certificate) == expected:
                return link
    ends = [link for link in links if not any(_issued(link, other) for other in links)]
    candidates = ends or links
    return next((link for link in candidates if not link.is_authority), next(iter(candidates), None))


def _issued(issuer: _Link, link: _Link) -> bool:
    """Return whether `issuer` issued `link`, by name and, if both certificates have one, by key identifier."""
    if issuer.subject != link.issuer or issuer.certificate == link.certificate:
        return False
    return issuer.own_key is None or link.issuers_key is None or issuer.own_key == link.issuers_key


def _extensions(certificate: x509.Certificate) -> x509.Extensions | None:
    """Return the extensions, or None if they are malformed. The order then depends on the names only."""
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _public_key(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _public_key_of(private_key_pem: str | None) -> bytes | None:
    """Return the public key of a private key; None if the private key is missing, encrypted, or unreadable."""
    if private_key_pem is None:
        return None
    try:
        key = load_pem_private_key(private_key_pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
