"""X.509 certificates (RFC 5280): the structure is read first, and each field when it is used.

A field that is malformed raises X509Error. The other fields can still be used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.x509_reader import der, names
from gateway.x509_reader.der import DerElement, X509Error
from gateway.x509_reader.names import DistinguishedName

DNS_NAME: Final = der.CONTEXT + 2
URI: Final = der.CONTEXT + 6
"""Kinds of subject alternative names."""

_SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
_KEY_USAGE: Final = "2.5.29.15"
_SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"

_VERSION_TAG: Final = der.CONSTRUCTED
_EXTENSIONS_TAG: Final = der.CONSTRUCTED + 3
_OPTIONAL_TAGS: Final = frozenset({der.CONTEXT + 1, der.CONTEXT + 2, _EXTENSIONS_TAG})
_MAXIMUM_SERIAL_BYTES: Final = 64
"""RFC 5280 allows 20 bytes. Longer serial numbers than this one are no numbers that a person can compare."""

_TIME: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")


class _Fields(NamedTuple):
    """The fields of TBSCertificate, from the serial number to the public key."""

    serial_number: DerElement
    algorithm: DerElement
    issuer: DerElement
    validity: DerElement
    subject: DerElement
    public_key: DerElement


@dataclass(frozen=True)  # without slots, so that properties can be cached
class ParsedCertificate:
    """A certificate. encoded: its DER as it was read; two certificates are equal if it is equal."""

    encoded: bytes
    _fields: _Fields = field(repr=False, compare=False)
    _version: DerElement | None = field(repr=False, compare=False)
    _extensions: DerElement | None = field(repr=False, compare=False)

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return der.to_pem(self.encoded, "CERTIFICATE")

    @property
    def version(self) -> int:
        """The version as people count: 3 for X.509v3."""
        if self._version is None:
            return 1
        return _integer(_only(self._version.children()), maximum_bytes=2) + 1

    @property
    def serial_number(self) -> int:
        """The serial number."""
        return _integer(self._fields.serial_number, maximum_bytes=_MAXIMUM_SERIAL_BYTES)

    @property
    def signature_algorithm(self) -> str:
        """The object identifier of the signature algorithm."""
        return der.dotted(self._fields.algorithm.children()[0].expect(der.OID))

    @property
    def encoded_subject(self) -> bytes:
        """The subject in DER."""
        return self._fields.subject.encoded

    @property
    def encoded_issuer(self) -> bytes:
        """The issuer in DER."""
        return self._fields.issuer.encoded

    @cached_property
    def subject(self) -> DistinguishedName:
        """The subject."""
        return names.read(self.encoded_subject)

    @cached_property
    def issuer(self) -> DistinguishedName:
        """The issuer."""
        return names.read(self.encoded_issuer)

    @property
    def not_before(self) -> datetime:
        """The start of the validity period, in UTC."""
        return _time(self._fields.validity.children()[0])

    @property
    def not_after(self) -> datetime:
        """The end of the validity period, in UTC."""
        return _time(self._fields.validity.children()[1])

    @property
    def public_key(self) -> PublicKeyTypes:
        """The public key. Keys that the library does not support raise X509Error too."""
        try:
            return load_der_public_key(self.encoded_public_key)
        except Exception:  # noqa: BLE001 - the parser raises many types
            raise X509Error("the public key cannot be read") from None

    @property
    def encoded_public_key(self) -> bytes:
        """The public key as SubjectPublicKeyInfo."""
        return self._fields.public_key.encoded

    @property
    def is_authority(self) -> bool:
        """Whether the certificate may issue others, by its basic constraints."""
        content = self._extension(_BASIC_CONSTRAINTS)
        constraints = der.single(content, der.SEQUENCE).children() if content is not None else []
        return bool(constraints) and constraints[0].tag == der.BOOLEAN and constraints[0].content != b"\0"

    @property
    def key_identifier(self) -> bytes | None:
        """The subject key identifier, if there is one."""
        content = self._extension(_SUBJECT_KEY_IDENTIFIER)
        return der.single(content, der.OCTET_STRING).content if content is not None else None

    @property
    def issuers_key_identifier(self) -> bytes | None:
        """The key identifier of the issuer, if there is one."""
        content = self._extension(_AUTHORITY_KEY_IDENTIFIER)
        parts = der.single(content, der.SEQUENCE).children() if content is not None else []
        return next((part.content for part in parts if part.tag == der.CONTEXT), None)

    @property
    def key_usage(self) -> Sequence[bool] | None:
        """The nine bits of the key usage in the order of RFC 5280; None if the use is not restricted."""
        content = self._extension(_KEY_USAGE)
        if content is None:
            return None
        unused, *octets = der.single(content, der.BIT_STRING).content or b"\xff"
        if unused > 7:
            raise X509Error("the key usage is malformed")
        bits = [bool(octet & (0x80 >> bit)) for octet in octets for bit in range(8)]
        return [*bits, *[False] * 9][:9]

    def alternative_names(self, kind: int) -> list[bytes]:
        """Return the subject alternative names of one kind, such as DNS_NAME, as they are encoded."""
        content = self._extension(_SUBJECT_ALTERNATIVE_NAME)
        found = der.single(content, der.SEQUENCE).children() if content is not None else []
        return [name.content for name in found if name.tag == kind]

    def _extension(self, oid: str) -> bytes | None:
        """Return the content of an extension; None if there is none. Raises X509Error if it occurs twice."""
        found = [content for each, content in self._all_extensions if each == oid]
        if len(found) > 1:
            raise X509Error("an extension occurs twice")
        return found[0] if found else None

    @cached_property
    def _all_extensions(self) -> list[tuple[str, bytes]]:
        if self._extensions is None:
            return []
        listed = _only(self._extensions.children()).children(der.SEQUENCE)
        return [_extension(each) for each in listed]


def parse(encoded: bytes) -> ParsedCertificate:
    """Return the certificate in DER. Raises X509Error if its structure is malformed; fields are read when used."""
    outer = der.single(encoded, der.SEQUENCE).children()
    if [element.tag for element in outer] != [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        raise X509Error("the data is not a certificate")
    elements = outer[0].children()
    version = elements.pop(0) if elements and elements[0].tag == _VERSION_TAG else None
    if [element.tag for element in elements[:6]] != [der.INTEGER, *[der.SEQUENCE] * 5]:
        raise X509Error("the data is not a certificate")
    optional = elements[6:]
    if not all(element.tag in _OPTIONAL_TAGS for element in optional):
        raise X509Error("the data is not a certificate")
    fields = _Fields(*elements[:6])
    if not fields.algorithm.content or len(fields.validity.children()) != 2:
        raise X509Error("the data is not a certificate")
    return ParsedCertificate(
        encoded, fields, version, next((each for each in optional if each.tag == _EXTENSIONS_TAG), None)
    )


def check_request(encoded: bytes) -> bytes:
    """Return a PKCS#10 certificate signing request in DER. Raises X509Error if its structure is malformed."""
    outer = der.single(encoded, der.SEQUENCE).children()
    if [element.tag for element in outer] != [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        raise X509Error("the data is not a certificate signing request")
    if [element.tag for element in outer[0].children()[:3]] != [der.INTEGER, der.SEQUENCE, der.SEQUENCE]:
        raise X509Error("the data is not a certificate signing request")
    return encoded


def chain_pem(chain: Sequence[ParsedCertificate]) -> bytes:
    """Return the certificates as PEM without surrounding text."""
    return "".join(certificate.pem for certificate in chain).encode()


def unique(certificates: Sequence[ParsedCertificate]) -> tuple[ParsedCertificate, ...]:
    """Return the certificates without repetitions."""
    return tuple(dict.fromkeys(certificates))


def _extension(element: DerElement) -> tuple[str, bytes]:
    parts = element.children(der.SEQUENCE)
    if len(parts) not in (2, 3):
        raise X509Error("an extension is malformed")
    return der.dotted(parts[0].expect(der.OID)), parts[-1].expect(der.OCTET_STRING)


def _only(found: Sequence[DerElement]) -> DerElement:
    if len(found) != 1:
        raise X509Error("an element does not contain exactly one element")
    return found[0]


def _integer(element: DerElement, *, maximum_bytes: int) -> int:
    content = element.expect(der.INTEGER)
    if not 1 <= len(content) <= maximum_bytes:
        raise X509Error("a number is too long")
    return int.from_bytes(content, signed=True)


def _time(element: DerElement) -> datetime:
    """Return the time of UTCTime (two digits of the year, from 1950 to 2049) or GeneralizedTime."""
    text = element.content.decode("ascii", "replace")
    if element.tag == der.UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif element.tag != der.GENERALIZED_TIME:
        raise X509Error("a time is malformed")
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise X509Error("a time is malformed")
    try:
        return datetime(*map(int, parts.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        raise X509Error("a time is malformed") from None
