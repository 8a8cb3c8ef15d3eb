"""Reads PEM: certificates and at most one private key out of one file, and certificates into chain order.

Tolerant about what surrounds the blocks (line ends, a byte-order mark, text between them, parameters, spaces), strict
about the blocks themselves, and bounded. Private keys stay text: nothing here opens, decrypts or converts them.
What a certificate says is read in `x509.py`.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.providers.base.formats import FormatError

MAXIMUM_BYTES: Final = 1024 * 1024
MAXIMUM_BLOCKS: Final = 100

CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
PRIVATE_KEY_LABELS: Final = frozenset({"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})

_BEGIN: Final = b"-----BEGIN "
_BOUNDARY: Final = re.compile(rb"^[ \t]*-----(?P<mark>BEGIN|END) (?P<label>[^\n]+)-----[ \t]*$", re.MULTILINE)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its label, the lines between its boundaries, and what they decode to."""

    label: str
    lines: tuple[str, ...] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The block as PEM, its lines as they were, ended by a line feed each."""
        return "\n".join((f"-----BEGIN {self.label}-----", *self.lines, f"-----END {self.label}-----", ""))


@dataclass(frozen=True, slots=True)
class PemBundle:
    """The certificates of a file, in its order, and the text of its private key where it has one."""

    certificates: tuple[x509.Certificate, ...]
    private_key_pem: str | None = field(default=None, repr=False)


def is_pem(data: bytes) -> bool:
    """Whether data holds the beginning of a PEM block."""
    return _BEGIN in data


def read_bundle(data: bytes) -> PemBundle:
    """One or more certificates and at most one private key (PKCS#1, SEC 1, PKCS#8, encrypted PKCS#8).

    Blocks of other kinds, such as EC PARAMETERS, are passed over. FormatError where a block is broken, where there is
    no certificate, more than one private key or one of another kind, or where a bound is exceeded.
    """
    certificates: list[x509.Certificate] = []
    keys: list[str] = []
    for block in read_blocks(data):
        if block.label in CERTIFICATE_LABELS:
            certificates.append(load_certificate(block.content))
        elif block.label in PRIVATE_KEY_LABELS:
            keys.append(block.text)
        elif block.label.endswith("PRIVATE KEY"):
            raise FormatError("the file holds a private key of a kind that is not supported")
    if not certificates:
        raise FormatError("the file holds no certificate")
    if len(keys) > 1:
        raise FormatError("the file holds more than one private key")
    return PemBundle(tuple(certificates), keys[0] if keys else None)


def read_blocks(data: bytes) -> list[Block]:
    """Every block in the file's order, at most 100 of them; FormatError where one is broken."""
    if len(data) > MAXIMUM_BYTES:
        raise FormatError(f"the file has more than {MAXIMUM_BYTES} bytes")
    data = data.removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    blocks: list[Block] = []
    boundaries = _BOUNDARY.finditer(data)
    for begin in boundaries:
        if begin["mark"] == b"END":
            continue
        if len(blocks) == MAXIMUM_BLOCKS:
            raise FormatError(f"the file has more than {MAXIMUM_BLOCKS} blocks")
        end = next(boundaries, None)
        if end is None or end["mark"] != b"END" or end["label"] != begin["label"]:
            raise FormatError("a PEM block does not end as it began")
        blocks.append(_block(begin["label"], data[begin.end() : end.start()]))
    return blocks


def load_certificate(der: bytes) -> x509.Certificate:
    """The certificate in DER, whose names, dates, version and serial number are then known to be readable."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = (certificate.subject, certificate.issuer, certificate.version, certificate.serial_number)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise FormatError("a certificate can't be parsed") from error
    return certificate


def order_chain(
    certificates: Sequence[x509.Certificate], private_key_pem: str | None = None
) -> tuple[x509.Certificate, ...]:
    """The certificates with the leaf first, each followed by its issuer; unrelated ones keep their order at the end.

    The leaf is the certificate of the private key, where that one is given and not encrypted; else one that issued
    none of the others, rather one that is no authority, and the first of them.
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


def _block(label: bytes, between: bytes) -> Block:
    """The block of this label with what stands between its boundaries."""
    lines = tuple(line.strip() for line in between.strip().decode("ascii", "replace").split("\n"))
    return Block(label.decode("ascii", "replace"), lines, _decode(lines))


def _decode(lines: Sequence[str]) -> bytes:
    """The Base64 of a block, after the headers that an encrypted key of the old form has (RFC 1421)."""
    body = list(lines)
    if any(":" in line for line in body):
        body = body[body.index("") + 1 :] if "" in body else []
    try:
        return base64.b64decode("".join(body), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("a PEM block is not Base64") from None


class _Link(NamedTuple):
    """What the order of a chain depends on; read once, since every certificate is compared with every other."""

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
    wanted = _public_key_of(private_key_pem)
    if wanted is not None:
        for link in links:
            if _public_key(link.certificate) == wanted:
                return link
    ends = [link for link in links if not any(_issued(link, other) for other in links)]
    candidates = ends or links
    return next((link for link in candidates if not link.is_authority), next(iter(candidates), None))


def _issued(issuer: _Link, link: _Link) -> bool:
    """Whether `issuer` issued another certificate, by name and, where both tell, by key identifier."""
    if issuer.subject != link.issuer or issuer.certificate == link.certificate:
        return False
    return issuer.own_key is None or link.issuers_key is None or issuer.own_key == link.issuers_key


def _extensions(certificate: x509.Certificate) -> x509.Extensions | None:
    """None where they can't be read: the order then follows from what else there is."""
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
    """The public key of a private key that is not encrypted; None where it can't be told."""
    if private_key_pem is None:
        return None
    try:
        key = load_pem_private_key(private_key_pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
