"""File names: from a Content-Disposition header, safe to save, and with the appropriate extension.

Sources: RFC 6266 and RFC 8187 for the header.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

MAXIMUM_BYTES: Final = 255

_PARAMETER: Final = re.compile(
    r"(?:\A|;)\s*([\w!#$%&\'*+.^`|~-]+)\s*="
    r'\s*("(?:[^"\\]|\\.)*"|[^;]*)',
    re.ASCII,
)
_QUOTED_PAIR: Final = re.compile(r'\\(["\\])')
_LEADING: Final = re.compile(r"\A[\s.]+")
_ENDING: Final = re.compile(r"\.(?:pem|crt|cer|cert|der|p7b|p7c|p7s|p7|p12|pfx|key|csr|zip|txt)\Z", re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1", "us-ascii"})
_JAVA_KEYSTORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # JKS, JCEKS
_PKCS7_TYPE: Final = bytes.fromhex("06092a864886f70d010702")  # the object identifier of signed data
_PKCS7_HEADER_BYTES: Final = 32


def from_content_disposition(header: str) -> str | None:
    """Return the file name in the header, made safe; None if nothing is left of it.

    `filename*` takes precedence over `filename`. The disposition type before them can be missing. Bytes that are not
    UTF-8 are dropped.
    """
    parameters = dict(_parameters(header))
    for name in (_extended(parameters.get("filename*", "")), parameters.get("filename", "")):
        safe = safe_name(name)
        if safe:
            return safe
    return None


def safe_name(name: str) -> str:
    """Return the name without directories, control, format, and undecodable characters, and leading dots.

    The result has at most 255 bytes and can be empty.
    """
    name = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    return _cut(_LEADING.sub("", visible), MAXIMUM_BYTES).rstrip()


def with_ending(name: str, ending: str) -> str:
    """Replace the extension of a certificate file by this one (such as `.pem`). The result has at most 255 bytes."""
    known = _ENDING.search(name)
    if known is not None and known[0].lower() == ending:
        ending = known[0]
    stem = name[: known.start()] if known is not None else name
    return _cut(stem, MAXIMUM_BYTES - len(ending.encode())) + ending


def for_keystore(content: bytes) -> str:
    """Return a name for a keystore file without one: `.jks` for a Java keystore, otherwise `.p12`."""
    return "keystore.jks" if content.startswith(_JAVA_KEYSTORES) else "keystore.p12"


def for_certificates(stem: str, content: bytes) -> str:
    """Return a name for a file of certificates without one: `.p7b`, `.pem`, or `.der`."""
    if b"-----BEGIN PKCS7-----" in content or _PKCS7_TYPE in content[:_PKCS7_HEADER_BYTES]:
        return f"{stem}.p7b"
    return f"{stem}.pem" if b"-----BEGIN " in content else f"{stem}.der"


def _cut(text: str, maximum_bytes: int) -> str:
    return text.encode()[:maximum_bytes].decode(errors="ignore")


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """Return the lowercase names and the values in reverse order, so that the first of equal names takes precedence."""
    for match in reversed(list(_PARAMETER.finditer(header))):
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
        yield match[1].lower(), value


def _extended(value: str) -> str:
    """Decode `charset'language'percent-encoded`; empty if the value does not have this form."""
    charset, _, rest = value.partition("'")
    _, separator, encoded = rest.partition("'")
    if not separator or charset.lower() not in _CHARSETS:
        return ""
    try:
        return unquote(encoded, charset, "strict")
    except UnicodeDecodeError:
        return ""
