"""X.500 names: their attributes as text, whatever the encoding, and the text form of RFC 4514."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.x509_reader import der
from gateway.x509_reader.der import DerElement, X509Error

COMMON_NAME: Final = "2.5.4.3"
ORGANIZATION: Final = "2.5.4.10"

_SHORT_NAMES: Final[Mapping[str, str]] = {
    COMMON_NAME: "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    ORGANIZATION: "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
    "2.5.4.5": "serialNumber",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.97": "organizationIdentifier",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
}
"""The short names of RFC 4514, and for other attributes the names that OpenSSL prints."""

_CHARSETS: Final[Mapping[int, str]] = {
    0x0C: "utf-8",
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString; characters that it does not allow, such as &, are common
    0x14: "ascii",  # TeletexString; T.61 itself is not in use
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1B: "ascii",  # GeneralString
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_GUESSED_CHARSETS: Final = ("utf-8", "euc-kr", "latin-1")
"""What authorities wrote into strings that allow only ASCII, in the order to try."""
_CONTROL: Final = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0)))) - {"\0"}
_SPECIAL: Final = frozenset('"+,;<>\\')


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. oid: its type. text: None if the value is not text, or its encoding is unknown.

    exact: whether `text` follows from the encoding that the certificate declares, and is not a guess.
    """

    oid: str
    text: str | None
    exact: bool
    encoded: bytes


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A name: its relative names (RDNs) in the order of the certificate, each with one or more attributes."""

    parts: tuple[tuple[Attribute, ...], ...]

    def __iter__(self) -> Iterator[Attribute]:
        return (attribute for part in self.parts for attribute in part)

    def values(self, oid: str) -> list[Attribute]:
        """Return the attributes of one type."""
        return [attribute for attribute in self if attribute.oid == oid]

    @property
    def readable(self) -> bool:
        """Whether every attribute is text."""
        return all(attribute.text is not None for attribute in self)

    @property
    def text(self) -> str:
        """The name in RFC 4514 format, the last part first: `CN=www.example.com,O=Example,C=KR`."""
        return ",".join("+".join(map(_pair, part)) for part in reversed(self.parts))


def read(encoded: bytes) -> DistinguishedName:
    """Return a Name in DER. Raises X509Error if its structure is malformed; values can be anything."""
    parts = der.single(encoded, der.SEQUENCE).children()
    return DistinguishedName(tuple(tuple(map(_attribute, part.children(der.SET))) for part in parts))


def _attribute(element: DerElement) -> Attribute:
    pair = element.children(der.SEQUENCE)
    if len(pair) != 2:
        raise X509Error("an attribute of a name is malformed")
    kind, value = pair
    exact = _decoded(value.content, _CHARSETS.get(value.tag))
    text = _guessed(value) if exact is None else exact
    return Attribute(der.dotted(kind.expect(der.OID)), text, exact is not None, value.encoded)


def _guessed(value: DerElement) -> str | None:
    if _CHARSETS.get(value.tag) not in ("ascii", "utf-8"):
        return None
    texts = (_decoded(value.content, charset) for charset in _GUESSED_CHARSETS)
    return next((text for text in texts if text is not None and _CONTROL.isdisjoint(text)), None)


def _decoded(content: bytes, charset: str | None) -> str | None:
    try:
        return content.decode(charset) if charset is not None else None
    except ValueError:
        return None


def _pair(attribute: Attribute) -> str:
    name = _SHORT_NAMES.get(attribute.oid, attribute.oid)
    return f"{name}={f'#{attribute.encoded.hex()}' if attribute.text is None else _escaped(attribute.text)}"


def _escaped(text: str) -> str:
    escaped = "".join(f"\\{character}" if character in _SPECIAL else character for character in text)
    escaped = escaped.replace("\0", "\\00")
    if text.startswith(("#", " ")):
        escaped = f"\\{escaped}"
    return f"{escaped[:-1]}\\ " if len(text) > 1 and text.endswith(" ") else escaped
