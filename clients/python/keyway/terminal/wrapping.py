"""Line wrapping to a number of terminal cells: names break after dots and slashes, and fingerprints between bytes."""

import re
from collections.abc import Iterator
from typing import Final

from keyway.terminal.text import fitting, width

_SHORTENED: Final = "…"
_WORDS: Final = " "
_NAMES: Final = " /.,"
_WEAK: Final = "-_:;=@"
_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{16,}")
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]*\Z")
_NARROWEST: Final = 12
"""The minimum number of cells for an indent of the second and following lines."""


def wrapped(text: str, cells: int, *, indent: int = 0, prose: bool = False) -> Iterator[str]:
    """Yield the lines of a text; at least one.

    cells: the maximum width of a line. indent: the number of spaces before the second and following lines, if there is
    room for them. prose: break between words only, if possible.
    """
    before, room, text = "", cells, text.rstrip(" ")
    digest = _DIGEST.search(text) is not None
    while width(text) > room:
        end = _end(text, fitting(text, room), _WORDS if prose else _NAMES, digest=digest)
        yield before + text[:end].rstrip(" ")
        text = text[end:].lstrip(" ")
        if not text:
            return
        if indent and cells >= _NARROWEST:
            before, room = " " * indent, cells - indent
    yield before + text


def shortened(text: str, cells: int) -> str:
    """Return a text of at most this width. A longer text ends in an ellipsis."""
    return text if width(text) <= cells else text[: fitting(text, cells - 1)].rstrip(" ") + _SHORTENED


def _end(text: str, end: int, separators: str, *, digest: bool) -> int:
    """Return the number of characters for the next line; at most `end`, the number that fits.

    digest: whether the text contains a fingerprint, which must not break inside a byte.
    """
    if text[end : end + 1] == " ":
        return end
    for several in (separators, _WEAK):
        found = max((text.rfind(separator, 0, end) for separator in several), default=-1) + 1
        # A break far before the end would leave most of the line empty.
        if found and width(text[:found]) * 2 >= width(text[:end]):
            return found
    digits = _DIGITS.search(text, 0, end)
    odd = len(digits[0]) % 2 if digits is not None and digest else 0
    return end - odd or end
