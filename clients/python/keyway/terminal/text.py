"""Escaping of control characters in text for terminals and JSON, and the width of text on a terminal."""

import unicodedata
from collections.abc import Callable
from typing import Final

# Bidirectional controls: with them, a terminal can display a different name.
_TURNING: Final = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_INVISIBLE: Final = ("Cc", "Zl", "Zp", "Cs")
_WIDE: Final = ("W", "F")
_ZERO_WIDTH: Final = ("Mn", "Me", "Cf")
_CONJOINING: Final = range(0x1160, 0x1200)
"""Vowels and final consonants of Hangul, which a terminal draws into the syllable before them."""


def clean(text: str) -> str:
    """Escape control characters and bidirectional controls in text from other sources."""
    return _escaped(text, lambda character: repr(character)[1:-1])


def clean_json(text: str) -> str:
    """Escape the same characters in JSON text, where only strings can contain them."""
    return _escaped(text, lambda character: f"\\u{ord(character):04x}")


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(
        escape(character) if unicodedata.category(character) in _INVISIBLE or ord(character) in _TURNING else character
        for character in text
    )


def width(text: str) -> int:
    """Return the number of terminal cells of an escaped text. A Chinese, Japanese, or Korean character takes two."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fitting(text: str, cells: int) -> int:
    """Return how many characters of an escaped text fit this number of cells; at least one."""
    used = 0
    for number, character in enumerate(text):
        used += _cells(character)
        if number and used > cells:
            return number
    return len(text)


def _cells(character: str) -> int:
    if ord(character) in _CONJOINING or unicodedata.category(character) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
