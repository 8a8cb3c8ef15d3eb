"""Names of files: out of a Content-Disposition header, safe to save under, with the ending that fits.

Sources: RFC 6266 and RFC 8187 for the header. What a file holds is not looked at.
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


def from_content_disposition(header: str) -> str | None:
    """The last part of the file name in the header, without what a file name can't have; None where nothing is left.

    `filename*` comes before `filename`; the word before both may be missing. Bytes of the header that are not UTF-8
    are left out.
    """
    parameters = dict(_parameters(header))
    for name in (_extended(parameters.get("filename*", "")), parameters.get("filename", "")):
        safe = safe_name(name)
        if safe:
            return safe
    return None


def safe_name(name: str) -> str:
    """The name without directories, control, format and undecodable characters and leading dots; may be empty.

    At most 255 bytes.
    """
    name = name.replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    return _cut(_LEADING.sub("", visible), MAXIMUM_BYTES).rstrip()


def with_ending(name: str, ending: str) -> str:
    """The name with this ending (`.pem`) in place of any other that certificate files have; at most 255 bytes."""
    known = _ENDING.search(name)
    if known is not None and known[0].lower() == ending:
        ending = known[0]
    stem = name[: known.start()] if known is not None else name
    return _cut(stem, MAXIMUM_BYTES - len(ending.encode())) + ending


def _cut(text: str, maximum_bytes: int) -> str:
    return text.encode()[:maximum_bytes].decode(errors="ignore")


def _parameters(header: str) -> Iterator[tuple[str, str]]:
    """Names in lower case with values; of a name that comes twice the first, as the last one yielded."""
    for match in reversed(list(_PARAMETER.finditer(header))):
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
        yield match[1].lower(), value


def _extended(value: str) -> str:
    """The text in `charset'language'percent-encoded`; empty where it is not of that form."""
    charset, _, rest = value.partition("'")
    _, separator, encoded = rest.partition("'")
    if not separator or charset.lower() not in _CHARSETS:
        return ""
    try:
        return unquote(encoded, charset, "strict")
    except UnicodeDecodeError:
        return ""
