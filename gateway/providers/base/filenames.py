"""File names: from a Content-Disposition header or a ZIP archive, safe to save, and with the appropriate extension.

Sources: RFC 6266 and RFC 8187 for the header. Servers also send names in the character encoding of their country, and
percent-encode them as in URLs.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

MAXIMUM_BYTES: Final = 255

JAPANESE: Final = ("cp932", "cp949")
KOREAN: Final = ("euc-kr", "cp932", "cp949")
"""Character encodings of names that are not UTF-8, in the order to try. CP949 extends EUC-KR."""

_PARAMETER: Final = re.compile(
    r"(?:\A|;)\s*([\w!#$%&\'*+.^`|~-]+)\s*="
    r'\s*("(?:[^"\\]|\\.)*"|[^;]*)',
    re.ASCII,
)
_QUOTED_PAIR: Final = re.compile(r'\\(["\\])')
_LEADING: Final = re.compile(r"\A[\s.]+")
_ENDINGS: Final = "pem|crt|cer|cert|der|p7b|p7c|p7s|p7|p12|pfx|key|csr|zip|txt"
_ENDING: Final = re.compile(rf"\.(?:{_ENDINGS})\Z", re.IGNORECASE)
# Of `cert.pem` and `key.pem`, the first part is a stem; of `.cert.pem`, it is not.
_ONLY_ENDINGS: Final = re.compile(rf"(?:{_ENDINGS})|[\s.]*\.(?:{_ENDINGS})(?:\.(?:{_ENDINGS}))*", re.IGNORECASE)
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_CHARSETS: Final = frozenset(
    {"utf-8", "iso-8859-1", "us-ascii", "cp932", "shift_jis", "windows-31j", "cp949", "ms949", "euc-kr", "euc-jp"}
)
_HALF_WIDTH_KATAKANA: Final = range(0xFF61, 0xFFA0)
_JAVA_KEYSTORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # JKS, JCEKS
_PKCS7_TYPE: Final = bytes.fromhex("06092a864886f70d010702")  # the object identifier of signed data
_PKCS7_HEADER_BYTES: Final = 32


def from_content_disposition(header: str, legacy: Sequence[str] = ()) -> str | None:
    """Return the file name in the header, made safe; None if nothing but an extension is left of it.

    `filename*` takes precedence over `filename`. The disposition type before them can be missing. Percent-encoding is
    decoded in both. legacy: character encodings to try for bytes that are not UTF-8.
    """
    parameters = dict(_parameters(header))
    for octets in (_extended(parameters.get("filename*", ""), legacy), _plain(parameters.get("filename", ""))):
        safe = from_bytes(octets, legacy)
        if safe:
            return safe
    return None


def from_bytes(octets: bytes, legacy: Sequence[str] = ()) -> str:
    """Return the file name in these bytes, made safe; empty if nothing but an extension is left of it.

    legacy: character encodings to try for bytes that are not UTF-8. Bytes that no encoding fits are dropped.
    """
    name = _last_part(_decoded(octets, legacy))
    return "" if _ONLY_ENDINGS.fullmatch(name) else safe_name(name)


def safe_name(name: str) -> str:
    """Return the name without directories, control, format, and undecodable characters, and leading dots.

    The result has at most 255 bytes and can be empty.
    """
    visible = "".join(character for character in _last_part(name) if unicodedata.category(character)[0] != "C")
    return _cut(_LEADING.sub("", visible), MAXIMUM_BYTES).rstrip()


def for_download(name: str | None, default_stem: str, ending: str) -> str:
    """Return a name for a downloaded file: that of the upstream with another extension, or the default with it.

    default_stem: a name without an extension, such as a domain. Its last label can look like an extension.
    """
    if name:
        return with_ending(name, ending)
    return _with(safe_name(default_stem) or "certificate", ending)


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def with_ending(name: str, ending: str) -> str:
    """Replace the extensions of a certificate file by this one (such as `.pem`). The result has at most 255 bytes.

    All known extensions at the end are replaced: `a.pem.txt` becomes `a.pem`. An only extension keeps its case.
    """
    stem, found = name, list[str]()
    while (known := _ENDING.search(stem)) is not None and known.start():
        stem, found = stem[: known.start()], [*found, known[0]]
    return _with(stem, found[0] if len(found) == 1 and found[0].lower() == ending else ending)


def for_keystore(content: bytes) -> str:
    """Return a name for a keystore file without one: `.jks` for a Java keystore, otherwise `.p12`."""
    return "keystore.jks" if content.startswith(_JAVA_KEYSTORES) else "keystore.p12"


def for_certificates(stem: str, content: bytes) -> str:
    """Return a name for a file of certificates without one: `.p7b`, `.pem`, or `.der`."""
    if b"-----BEGIN PKCS7-----" in content or _PKCS7_TYPE in content[:_PKCS7_HEADER_BYTES]:
        return f"{stem}.p7b"
    return f"{stem}.pem" if b"-----BEGIN " in content else f"{stem}.der"


def _with(stem: str, ending: str) -> str:
    return _cut(stem, MAXIMUM_BYTES - len(ending.encode())) + ending


def _cut(text: str, maximum_bytes: int) -> str:
    return text.encode()[:maximum_bytes].decode(errors="ignore")


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """Return the lowercase names and the values in reverse order, so that the first of equal names takes precedence."""
    for match in reversed(list(_PARAMETER.finditer(header))):
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
        yield match[1].lower(), value


def _extended(value: str, legacy: Sequence[str]) -> bytes:
    """Decode `charset'language'percent-encoded` to UTF-8; empty if the value does not have this form."""
    charset, _, rest = value.partition("'")
    _, separator, encoded = rest.partition("'")
    if not separator or charset.lower() not in (*_CHARSETS, *legacy):
        return b""
    try:
        return unquote_to_bytes(encoded).decode(charset).encode()
    except ValueError:
        return b""


def _plain(value: str) -> bytes:
    """Return the bytes of `filename`. The transport keeps bytes that are not UTF-8 as surrogates."""
    try:
        octets = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        octets = value.encode("utf-8", "ignore")
    return unquote_to_bytes(octets) if _PERCENT.search(value) else octets


def _decoded(octets: bytes, legacy: Sequence[str]) -> str:
    """Decode bytes as UTF-8, otherwise in the first legacy encoding that results in plausible text."""
    text = _decode(octets, "utf-8")
    if text is not None:
        return text
    texts = [text for charset in legacy if (text := _decode(octets, charset)) is not None]
    plausible = (text for text in texts if all(map(_is_plausible, text)))
    return next(plausible, None) or next(iter(texts), None) or octets.decode(errors="ignore")


def _decode(octets: bytes, charset: str) -> str | None:
    try:
        return octets.decode(charset)
    except ValueError:
        return None


def _is_plausible(character: str) -> bool:
    """Return whether a file name is likely to contain this character. A wrong encoding often results in others."""
    return unicodedata.category(character)[0] != "C" and ord(character) not in _HALF_WIDTH_KATAKANA
