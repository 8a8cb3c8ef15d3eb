"""Output of tables for people and of protobuf JSON for programs.

On a terminal, a table fits the width and has colors, except with NO_COLOR or TERM=dumb. Elsewhere it is plain text of
any width, and nothing is truncated.
"""

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyway.audit.text import clean

_UNLIMITED: Final = 100_000
_NARROW: Final = 80


@dataclass(frozen=True, slots=True)
class Column:
    """A column. needed: also shown on narrow terminals. folds: wraps long values instead of truncating them."""

    title: str
    needed: bool = True
    folds: bool = False
    justify: Literal["left", "right"] = "left"


Cell = str | Text


class Output:
    """Standard output and standard error."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self._console = Console(highlight=False, markup=False, emoji=False)
        self.errors = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def json(self, message: Message) -> None:
        """Write a message as one line of protobuf JSON."""
        text = MessageToJson(message, indent=None, ensure_ascii=False)
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        """Print a table."""
        visible = [
            number
            for number, column in enumerate(columns)
            if column.needed or not self.terminal or self._console.width >= _NARROW
        ]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in (columns[number] for number in visible):
            # Names wrap instead of being truncated, so that users can copy them.
            overflow: Literal["fold", "ellipsis"] = "fold" if column.folds else "ellipsis"
            table.add_column(column.title, justify=column.justify, overflow=overflow, no_wrap=not column.folds)
        for row in rows:
            table.add_row(*(_cell(row[number]) for number in visible))
        self._print(table)

    def fields(self, fields: Iterable[tuple[str, Cell | Sequence[str]]]) -> None:
        """Print labels and values, one or more lines each; omit empty values."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in fields:
            lines: Sequence[Cell] = [value] if isinstance(value, str | Text) else value
            for number, line in enumerate(line for line in lines if line):
                table.add_row("" if number else label, _cell(line))
        self._print(table)

    def line(self, text: str, style: str = "") -> None:
        """Print a line on standard output."""
        self._console.print(Text(clean(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """Print a line on standard error."""
        self.error(Text(clean(text), style=style))

    def error(self, text: Text) -> None:
        """Print styled text on standard error: wrapped on a terminal, otherwise in one line."""
        self.errors.print(text, soft_wrap=not self.errors.is_terminal)

    def raw(self, data: bytes) -> None:
        """Write bytes unchanged; on a terminal, add a missing newline."""
        sys.stdout.buffer.write(data)
        if self.terminal and not data.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()

    def _print(self, table: Table) -> None:
        if self.terminal:
            self._console.print(table)
            return
        text = io.StringIO()
        Console(file=text, width=_UNLIMITED, color_system=None, markup=False, emoji=False, highlight=False).print(table)
        lines = (line.rstrip() for line in text.getvalue().splitlines())
        sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
        sys.stdout.buffer.flush()


def _cell(cell: Cell) -> Text:
    return Text(clean(cell)) if isinstance(cell, str) else cell
