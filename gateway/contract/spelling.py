"""The NFC form of names.

Unicode has several spellings of the same text: `é` is one character in NFC, and `e` with a combining accent in NFD. The
gateway compares names character by character. Policy and audit records use the NFC form in addition, because an
upstream can treat several spellings as the same name.
"""

import unicodedata
from itertools import groupby
from typing import Final

_SHORT: Final = 200
"""Texts of at most this length are normalized in less than 0.2 ms, whatever they contain."""


def nfc(text: str) -> str:
    """Return the NFC form of a text; the same object if the text is in NFC."""
    if is_nfc(text):
        return text
    return unicodedata.normalize("NFC", text if len(text) <= _SHORT else _in_canonical_order(text))


def is_nfc(text: str) -> bool:
    """Return whether a text is in NFC."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def _in_canonical_order(text: str) -> str:
    """Return the text with each run of combining characters in the order that NFC has.

    The standard library sorts them in quadratic time: 4 ms for a name of the maximum length.
    """
    runs = groupby(text, key=lambda character: unicodedata.combining(character) != 0)
    return "".join("".join(sorted(run, key=unicodedata.combining) if combining else run) for combining, run in runs)
