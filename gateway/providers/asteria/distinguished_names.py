"""Parser for ASTERIA's X.500 names: an object with short keys (`{"C": "JP", "CN": "…"}`), or RFC 2253-like text.

The text parser is tolerant and never fails: Java prints quotes, spaces, semicolons, and object identifiers, and some
names have unescaped commas. Attributes that it cannot parse are only in `text`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.providers.base.errors import FormatError
from keyway.v1 import certificate_pb2 as certificates

_PARTS: Final[Mapping[str, str]] = {
    "C": "country",
    "ST": "state",
    "S": "state",
    "L": "locality",
    "O": "organization",
    "OU": "organizational_unit",
    "CN": "common_name",
    "2.5.4.6": "country",
    "2.5.4.8": "state",
    "2.5.4.7": "locality",
    "2.5.4.10": "organization",
    "2.5.4.11": "organizational_unit",
    "2.5.4.3": "common_name",
}
_WRITTEN_ORDER: Final = ("CN", "OU", "O", "L", "ST", "C")
_SEPARATORS: Final = ",;+"
_KEY = re.compile(r"\s*(?:OID\.)?([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=", re.IGNORECASE)
_ESCAPES = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'([,+"\\<>;]|^[ #]| \Z)')


def read(value: object) -> certificates.DistinguishedName:
    """Return the name in a JSON value. Raises FormatError if the value is neither an object nor text."""
    if isinstance(value, str):
        return from_text(value)
    if isinstance(value, dict):
        return _from_parts(value)
    raise FormatError("a name is neither an object nor text")


def from_text(text: str) -> certificates.DistinguishedName:
    """Return the name in a text. `text` is unchanged; each part is the first attribute of its kind."""
    return _message(parse(text), text)


def parse(text: str) -> list[tuple[str, str]]:
    """Return the attributes of an RFC 2253-like text in its order: uppercase key or object identifier, and value."""
    attributes: list[tuple[str, str]] = []
    for piece in _pieces(text):
        key = _KEY.match(piece)
        if key is not None:
            attributes.append((key[1].upper(), _unescaped(piece[key.end() :])))
    return attributes


def _from_parts(parts: Mapping[str, object]) -> certificates.DistinguishedName:
    attributes = [(str(key).strip().upper(), text) for key, value in parts.items() for text in _values(value)]
    attributes.sort(key=lambda attribute: _rank(attribute[0]))
    return _message(attributes, ",".join(f"{key}={_escaped(value)}" for key, value in attributes))


def _values(value: object) -> list[str]:
    """Return the non-empty values of one key: text or a number, or a list of them."""
    values = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, str | int) for item in values):
        raise FormatError("a part of a name is not text")
    return [str(item) for item in values if item is not None and item != ""]


def _rank(key: str) -> int:
    """Return the position of a key in the text form: the most specific key first, unusual keys before all others."""
    return _WRITTEN_ORDER.index(key) if key in _WRITTEN_ORDER else -1


def _message(attributes: list[tuple[str, str]], text: str) -> certificates.DistinguishedName:
    message = certificates.DistinguishedName(text=text)
    for key, value in attributes:
        part = _PARTS.get(key)
        if part is not None and not getattr(message, part):
            setattr(message, part, value)
    return message


def _pieces(text: str) -> Iterator[str]:
    """Split the text at each separator that a key follows. Escaped and quoted separators do not count."""
    start = 0
    for place in _separators(text):
        if _KEY.match(text, place + 1):
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _separators(text: str) -> Iterator[int]:
    """Return the positions of separators outside quotes. A quote starts only at the start of a value."""
    quoted = escaped = False
    before = ""
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and (quoted or before == "="):
            quoted = not quoted
        elif character in _SEPARATORS and not quoted:
            yield place
        if character != " ":
            before = character


def _unescaped(raw: str) -> str:
    value = raw.lstrip(" ")
    stripped = value.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    if backslashes % 2 and len(value) > len(stripped):
        stripped += value[len(stripped)]  # an escaped space at the end is part of the value
    if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':
        stripped = stripped[1:-1]
    return _ESCAPES.sub(_unescape, stripped)


def _unescape(match: re.Match[str]) -> str:
    """Decode hexadecimal pairs as UTF-8, and remove the backslash before any other character."""
    if match[1] is None:
        return match[2]
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "replace")


def _escaped(value: str) -> str:
    return _TO_ESCAPE.sub(r"\\\1", value).replace("\0", "\\00")
