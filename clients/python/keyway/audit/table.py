"""Plain text tables, of any width or folded to the width of a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyway.audit.text import clean, folded, width

_GAP: Final = 2
_NARROWEST: Final = 2
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column. terminal: the minimum width of a terminal that shows it, in cells. right: aligned to the right."""

    title: str
    terminal: int = 0
    right: bool = False


def table(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], terminal: int | None = None, *, bold: bool = False
) -> Iterator[str]:
    """Yield the lines of a table, with control characters escaped.

    terminal: the width of the terminal. None means a file: all columns are written, and nothing is folded.
    bold: whether the header is bold.
    """
    shown = [number for number, column in enumerate(columns) if terminal is None or column.terminal <= terminal]
    chosen = [columns[number] for number in shown]
    cells = [[clean(row[number]) for number in shown] for row in rows]
    widths = [max(width(column.title), *(width(row[place]) for row in cells), 0) for place, column in enumerate(chosen)]
    if terminal is not None:
        widths = _fitted(widths, chosen, terminal - _GAP * (len(widths) - 1))
    header = _lines([column.title for column in chosen], chosen, widths)
    yield from (f"{_BOLD}{line}{_PLAIN}" if bold else line for line in header)
    for row in cells:
        yield from _lines(row, chosen, widths)


def _lines(row: Sequence[str], columns: Sequence[TableColumn], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of one row."""
    parts = [list(folded(cell, cells)) for cell, cells in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts), default=0)):
        line = (
            _padded(part[number] if number < len(part) else "", cells, right=column.right)
            for part, cells, column in zip(parts, widths, columns, strict=True)
        )
        yield (" " * _GAP).join(line).rstrip()


def _padded(text: str, cells: int, *, right: bool) -> str:
    space = " " * (cells - width(text))
    return space + text if right else text + space


def _fitted(widths: Sequence[int], columns: Sequence[TableColumn], available: int) -> list[int]:
    """Return widths with at most this sum, if possible. Only the widest columns become narrower, to the same width.

    Columns that are aligned to the right contain numbers, which must not be folded, so they keep their width.
    """

    def limited(limit: int) -> list[int]:
        pairs = zip(widths, columns, strict=True)
        return [cells if column.right else min(cells, limit) for cells, column in pairs]

    limit = max(widths)
    while limit > _NARROWEST and sum(limited(limit)) > available:
        limit -= 1
    return limited(limit)
