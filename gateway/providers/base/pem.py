"""Reader for the PEM files that providers return, and the order of certificate chains.

`gateway/pem.py` reads the blocks. This module limits their number and size, and raises FormatError for files that it
rejects. Private keys stay text: this module does not parse, decrypt, or convert them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway import pem as reader
from gateway.pem import PRIVATE_KEY_LABELS, Block
from gateway.providers.base.errors import FormatError, UnsupportedFile
from gateway.x509_reader import certificate as parser
from gateway.x509_reader.certificate import ParsedCertificate
from gateway.x509_reader.der import X509Error

MAXIMUM_BYTES: Final = 1024 * 1024
MAXIMUM_BLOCKS: Final = 100

_BEGIN: Final = b"-----BEGIN "

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PemBundle:
    """The certificates of a file in its order, and the text of its private key, if it has one.

    The private key is PKCS#1, SEC 1, PKCS#8, or encrypted PKCS#8.
    """

    certificates: tuple[ParsedCertificate, ...]
    private_key_pem: str | None = field(default=None, repr=False)


def is_pem(data: bytes) -> bool:
    """Return whether `data` contains the start of a PEM block."""
    return _BEGIN in data


def has_label(data: bytes, labels: Collection[str]) -> bool:
    """Return whether `data` contains the start of a PEM block with one of the labels."""
    return any(f"BEGIN {label}-".encode() in data for label in labels)


def only_private_key(blocks: Sequence[Block]) -> str | None:
    """Return the private key among the blocks; None if there is none. Raises UnsupportedFile for several keys."""
    keys = [block.text for block in blocks if block.label in PRIVATE_KEY_LABELS]
    if len(keys) > 1:
        raise UnsupportedFile("the file contains more than one private key")
    return keys[0] if keys else None


def read_blocks(data: bytes, expected: Collection[str]) -> list[Block]:
    """Return the blocks with the expected labels in the order of the file; see `gateway.pem.read_blocks`.

    Raises FormatError for a file that is rejected, or that exceeds MAXIMUM_BYTES or MAXIMUM_BLOCKS.
    """
    if len(data) > MAXIMUM_BYTES:
        raise FormatError(f"the file has more than {MAXIMUM_BYTES} bytes")
    try:
        return reader.read_blocks(data, expected, maximum_blocks=MAXIMUM_BLOCKS)
    except reader.UnsupportedBlock as error:
        raise UnsupportedFile(f"the PEM file cannot be used: {error.without_labels}") from None
    except reader.PemError as error:
        raise FormatError(f"the PEM file is malformed: {error.without_labels}") from None


def load_certificate(der: bytes) -> ParsedCertificate:
    """Return a certificate in DER. Its fields are read when they are used. Raises FormatError."""
    try:
        return parser.parse(der)
    except X509Error as error:
        raise FormatError("the file contains an invalid certificate") from error


class KeyMatch(Enum):
    """Whether a private key belongs to a certificate."""

    YES = auto()
    NO = auto()
    UNKNOWN = auto()
    """The private key is encrypted, or one of the two keys is of a kind that the gateway cannot read."""


def match(private_key_pem: str, certificate: ParsedCertificate) -> KeyMatch:
    """Return whether the private key belongs to the certificate."""
    own, wanted = _public_key_of(private_key_pem), _public_key(certificate)
    if own is None or wanted is None:
        return KeyMatch.UNKNOWN
    return KeyMatch.YES if own == wanted else KeyMatch.NO


def order_chain(
    certificates: Sequence[ParsedCertificate], private_key_pem: str | None = None
) -> tuple[ParsedCertificate, ...]:
    """Return each certificate once: the leaf first, each followed by its issuer, and unrelated ones at the end.

    The leaf is the certificate of the private key, if it is given and not encrypted. Otherwise it is the first
    certificate that issued none of the others and is not an authority, or the first that issued none of the others.
    """
    remaining = [_link(certificate) for certificate in parser.unique(certificates)]
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

    certificate: ParsedCertificate
    own_key: bytes | None
    issuers_key: bytes | None
    is_authority: bool


def _link(certificate: ParsedCertificate) -> _Link:
    """An extension that cannot be read counts as missing: the order then depends on the names."""
    return _Link(
        certificate,
        _readable(lambda: certificate.key_identifier),
        _readable(lambda: certificate.issuers_key_identifier),
        bool(_readable(lambda: certificate.is_authority)),
    )


def _readable(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except X509Error:
        return None


def _leaf(links: Sequence[_Link], private_key_pem: str | None) -> _Link | None:
    expected = _public_key_of(private_key_pem) if private_key_pem is not None else None
    if expected is not None:
        for link in links:
            if _public_key(link.certificate) == expected:
                return link
    ends = [link for link in links if not any(_issued(link, other) for other in links)]
    candidates = ends or links
    return next((link for link in candidates if not link.is_authority), next(iter(candidates), None))


def _issued(issuer: _Link, link: _Link) -> bool:
    """Return whether `issuer` issued `link`, by name and, if both certificates have one, by key identifier."""
    if issuer.certificate.encoded_subject != link.certificate.encoded_issuer or issuer is link:
        return False
    return issuer.own_key is None or link.issuers_key is None or issuer.own_key == link.issuers_key


def _public_key(certificate: ParsedCertificate) -> bytes | None:
    """Return the public key in the form in which the library writes it; None if the library does not support it."""
    try:
        return certificate.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except X509Error:
        return None


def _public_key_of(private_key_pem: str) -> bytes | None:
    """Return the public key of a private key; None if the private key is encrypted or unreadable."""
    try:
        key = load_pem_private_key(private_key_pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 - the parser raises many types
        return None
