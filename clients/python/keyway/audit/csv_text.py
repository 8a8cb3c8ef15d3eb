"""CSV that is safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from keyway.audit.text import clean

_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
"""The first characters that make a spreadsheet take a cell for a formula."""


def csv_line(cells: Iterable[str]) -> str:
    """Return one line. Control characters are escaped, and an apostrophe precedes the text of a possible formula."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(map(_cell, cells))
    return line.getvalue()


def _cell(text: str) -> str:
    return clean(f"'{text}" if text.lstrip().startswith(_FORMULA) else text)
