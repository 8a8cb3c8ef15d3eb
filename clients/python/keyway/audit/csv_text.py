"""CSV lines that are safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from keyway.terminal.text import clean

_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
"""If a cell begins with one of these characters, a spreadsheet can interpret it as a formula."""


def csv_line(cells: Iterable[str]) -> str:
    """Return one line. Escapes control characters, and adds an apostrophe before the text of a possible formula."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(map(_cell, cells))
    return line.getvalue()


def _cell(text: str) -> str:
    return clean(f"'{text}" if text.lstrip().startswith(_FORMULA) else text)
