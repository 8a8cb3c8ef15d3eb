"""Lines that fit a number of terminal cells: names break after dots and slashes, and fingerprints between bytes."""

import re
from collections.abc import Iterator
from typing import Final

from keyway.terminal.text import fitting, width

_SHORTENED: Final = "…"
_WORDS: Final = " "
_NAMES: Final = " /.,"
_WEAK: Final = "-_:;=@"
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_NARROWEST: Final = 12
"""The minimum number of cells for an indent of the second and following lines."""


def wrapped(text: str, cells: int, *, indent: int = 0, prose: bool = False) -> Iterator[str]:
    """Yield the lines of a text; at least one.

    cells: the maximum width of a line. indent: the number of spaces before the second and following lines, if there is
    room for them. prose: break between words only, if possible.
    """
    before, room, text = "", cells, text.rstrip(" ")
    even = _HEX.fullmatch(text) is not None
    while width(text) > room:
        end = fitting(text, room)
        end = end - end % 2 or end if even else _end(text, end, _WORDS if prose else _NAMES)
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


def _end(text: str, end: int, separators: str) -> int:
    """Return where to break a text of which `end` characters fit."""
    if text[end : end + 1] == " ":
        return end
    for several in (separators, _WEAK):
        found = max((text.rfind(separator, 0, end) for separator in several), default=-1) + 1
        # A break far before the end would leave most of the line empty.
        if found and width(text[:found]) * 2 >= width(text[:end]):
            return found
    return end
