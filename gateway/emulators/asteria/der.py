"""A minimal DER reader and writer for key store files and re-signing: tag, length, value, bounds-checked.

Supports definite lengths only, and no schema.
"""

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, SEQUENCE, CONTEXT_0 = 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0xA0
_MULTI_BYTE_TAG = 0x1F
_CONSTRUCTED = 0x20
_LONG_FORM = 0x80
_MAXIMUM_LENGTH_BYTES = 4


class DerError(ValueError):
    """The data is not the expected DER."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte, its content, and its whole encoding."""

    tag: int
    content: bytes
    encoded: bytes

    @property
    def is_constructed(self) -> bool:
        """Whether the content consists of elements."""
        return bool(self.tag & _CONSTRUCTED)

    @property
    def number(self) -> int:
        """The content of an INTEGER that is not negative."""
        return int.from_bytes(self.content, "big")

    def children(self, *, at_least: int = 0) -> list["Element"]:
        """Return the elements inside a constructed one."""
        children = list(elements(self.content))
        if len(children) < at_least:
            raise DerError("an element is missing")
        return children

    def expect(self, tag: int) -> "Element":
        """Return this element. Raises DerError if it has another tag."""
        if self.tag != tag:
            raise DerError(f"the tag is {self.tag:#x} instead of {tag:#x}")
        return self


def elements(data: bytes) -> Iterator[Element]:
    """Yield all consecutive elements, up to the end of the data."""
    position = 0
    while position < len(data):
        element = _read(data, position)
        position += len(element.encoded)
        yield element


def single(data: bytes, tag: int) -> Element:
    """Return the single element that makes up the data."""
    element = _read(data, 0)
    if len(element.encoded) != len(data):
        raise DerError("data follows the last element")
    return element.expect(tag)


def encode(tag: int, *contents: bytes) -> bytes:
    """Return an element with the joined contents."""
    content = b"".join(contents)
    if len(content) < _LONG_FORM:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM | len(length)]) + length + content


def encode_oid(dotted: str) -> bytes:
    """Return an object identifier element."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return encode(OID, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _read(data: bytes, start: int) -> Element:
    header = data[start : start + 2]
    if len(header) < len(b"TL"):
        raise DerError("the last element is incomplete")
    tag, length = header
    if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        raise DerError("a tag has several bytes")
    position = start + 2
    if length & _LONG_FORM:
        size = length & 0x7F
        if not 1 <= size <= _MAXIMUM_LENGTH_BYTES or position + size > len(data):
            raise DerError("a length is indefinite or too long")
        length = int.from_bytes(data[position : position + size], "big")
        position += size
    end = position + length
    if end > len(data):
        raise DerError("an element is longer than the data")
    return Element(tag, data[position:end], data[start:end])
