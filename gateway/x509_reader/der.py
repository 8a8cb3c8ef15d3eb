"""Reader and writer for DER (ITU-T X.690): tags of one byte, definite lengths, no schema."""

import base64
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT: Final = 0x80
"""Context-specific tags: CONTEXT + n for a primitive one, CONSTRUCTED + n for one that contains elements."""
CONSTRUCTED: Final = 0xA0

_LONG_FORM: Final = 0x80
_LONG_TAG: Final = 0x1F
_MAXIMUM_LENGTH_BYTES: Final = 4
_MAXIMUM_CACHED_BYTES: Final = 32
"""Identifiers in use are shorter. A certificate can contain some of a megabyte, which must not stay in memory."""


class X509Error(ValueError):
    """A certificate, or the field that was read, is malformed. The message quotes nothing of it."""


class DerElement(NamedTuple):  # not a frozen dataclass, which takes several times as long to create
    """One element: its tag byte, its content, and both with the length between them."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self, tag: int | None = None) -> list["DerElement"]:
        """Return the elements inside this one. tag: the tag that this element must have."""
        return list(elements(self.content if tag is None else self.expect(tag)))

    def expect(self, tag: int) -> bytes:
        """Return the content. Raises X509Error if the element has another tag."""
        if self.tag != tag:
            raise X509Error("an element has an unexpected tag")
        return self.content


def elements(data: bytes) -> Iterator[DerElement]:
    """Yield the consecutive elements that `data` consists of."""
    position = 0
    while position < len(data):
        element = _element(data, position)
        position += len(element.encoded)
        yield element


def single(data: bytes, tag: int) -> DerElement:
    """Return the only element of `data`. It must have this tag, and nothing can follow it."""
    element = first(data)
    if len(element.encoded) != len(data) or element.tag != tag:
        raise X509Error("the data is not one element of the expected type")
    return element


def first(data: bytes) -> DerElement:
    """Return the first element of `data`. Other data can follow it."""
    return _element(data, 0)


def encode(tag: int, *contents: bytes) -> bytes:
    """Return an element with the joined contents."""
    content = b"".join(contents)
    if len(content) < _LONG_FORM:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def to_pem(encoded: bytes, label: str) -> str:
    """Return DER as PEM, in lines of 64 characters."""
    text = base64.b64encode(encoded).decode("ascii")
    lines = (text[start : start + 64] for start in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def dotted(content: bytes) -> str:
    """Return the content of an OBJECT IDENTIFIER as text, such as `2.5.4.3`."""
    return (_cached_dotted if len(content) <= _MAXIMUM_CACHED_BYTES else _dotted)(content)


def _dotted(content: bytes) -> str:
    if not content or content[-1] & 0x80:
        raise X509Error("an object identifier is malformed")
    arcs, arc = list[int](), 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
        elif arc.bit_length() > 128:
            raise X509Error("an object identifier is too long")
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))


_cached_dotted: Final = lru_cache(maxsize=256)(_dotted)


def _element(data: bytes, start: int) -> DerElement:
    if len(data) - start < 2:
        raise X509Error("the data ends inside an element")
    tag, length = data[start], data[start + 1]
    content = start + 2
    if tag & _LONG_TAG == _LONG_TAG:
        raise X509Error("an element has an unsupported tag")
    if length & _LONG_FORM:
        size = length & ~_LONG_FORM
        length = int.from_bytes(data[content : content + size])
        # DER uses the shortest form, and no indefinite length.
        if not 1 <= size <= _MAXIMUM_LENGTH_BYTES or length < max(_LONG_FORM, 1 << 8 * (size - 1)):
            raise X509Error("an element has an invalid length")
        content += size
    end = content + length
    if end > len(data):
        raise X509Error("the data ends inside an element")
    return DerElement(tag, data[content:end], data[start:end])
