"""Plain text tables, of any width or fitted to the width of a terminal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyway.terminal.styles import painted, style_of
from keyway.terminal.text import clean, width
from keyway.terminal.wrapping import shortened, wrapped

_GAP: Final = 2
_INDENT: Final = 2
_NARROWEST: Final = 2
_SHORTEST: Final = 12
"""The minimum width of columns with an ellipsis, down to which they shrink before other columns do."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column. terminal: the minimum width of a terminal that shows it, in cells. right: aligned to the right.

    shortens: whether long values are cut and end in an ellipsis. Otherwise, they are wrapped.
    fixed: whether values, such as times and statuses, are wrapped only if no other column can become narrower.
    """

    title: str
    terminal: int = 0
    right: bool = False
    shortens: bool = False
    fixed: bool = False


def table(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], terminal: int | None = None, *, color: bool = False
) -> Iterator[str]:
    """Yield the lines of a table, with control characters escaped.

    terminal: the width of the terminal. None means a file: all columns are written completely, one line per row.
    color: whether to use a bold header and the styles of the cells.
    """
    shown = [number for number, column in enumerate(columns) if terminal is None or column.terminal <= terminal]
    chosen = [columns[number] for number in shown]
    cells = [[clean(row[number]) for number in shown] for row in rows]
    widths = [max(width(column.title), *(width(row[place]) for row in cells), 0) for place, column in enumerate(chosen)]
    if terminal is not None:
        widths = _fitted(widths, chosen, terminal - _GAP * (len(widths) - 1))
    bold = ["bold" if color else ""] * len(chosen)
    yield from _lines([column.title for column in chosen], chosen, widths, bold)
    for row, original in zip(cells, rows, strict=True):
        styles = [style_of(original[number]) if color else "" for number in shown]
        yield from _lines(row, chosen, widths, styles)


def _lines(
    row: Sequence[str], columns: Sequence[TableColumn], widths: Sequence[int], styles: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of one row."""
    parts = [_parts(cell, column, cells) for cell, column, cells in zip(row, columns, widths, strict=True)]
    for number in range(max(map(len, parts), default=0)):
        line = ""
        for part, cells, column, style in zip(parts, widths, columns, styles, strict=True):
            text = part[number] if number < len(part) else ""
            space = " " * (cells - width(text))
            shown = painted(text, style)
            line += (space + shown if column.right else shown + space) + " " * _GAP
        yield line.rstrip()


def _parts(cell: str, column: TableColumn, cells: int) -> list[str]:
    if column.shortens:
        return [shortened(cell, cells)]
    return list(wrapped(cell, cells, indent=0 if column.right else _INDENT))


def _fitted(widths: Sequence[int], columns: Sequence[TableColumn], available: int) -> list[int]:
    """Return widths whose sum is at most `available`, if possible.

    Columns with an ellipsis become narrower first, then the widest of the others, and fixed columns last. Columns that
    are aligned to the right contain numbers, which must not be wrapped, so they keep their width.
    """
    wrapping = [not column.right and not column.fixed for column in columns]
    fitted = _limited(widths, available, _SHORTEST, lambda number: columns[number].shortens)
    fitted = _limited(fitted, available, _SHORTEST, lambda number: wrapping[number])
    return _limited(fitted, available, _NARROWEST, lambda number: not columns[number].right)


def _limited(widths: Sequence[int], available: int, least: int, changes: Callable[[int], bool]) -> list[int]:
    """Return widths in which the widest of some columns are narrower, but not narrower than `least`."""
    limit = max(widths, default=0)

    def limited() -> list[int]:
        return [min(cells, limit) if changes(number) else cells for number, cells in enumerate(widths)]

    while limit > least and sum(limited()) > available:
        limit -= 1
    return limited()
