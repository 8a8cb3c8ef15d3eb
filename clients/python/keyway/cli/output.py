"""Output of tables for people and of protobuf JSON for programs.

On a terminal, a table fits the width, has colors (unless NO_COLOR or TERM=dumb is set), and opens in a pager.
Otherwise, it is plain text of any width, and nothing is truncated.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from keyway.terminal.screen import Screen
from keyway.terminal.styles import Styled, painted, style_of
from keyway.terminal.table import TableColumn, table
from keyway.terminal.text import clean, width
from keyway.terminal.wrapping import wrapped

if TYPE_CHECKING:
    from google.protobuf.message import Message

_GAP: Final = 2


class Output:
    """Standard output and standard error. pager: whether tables can go to a pager."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.terminal = self.screen.terminal
        self.pager = True

    @property
    def interactive(self) -> bool:
        """Whether standard error is a terminal that can show progress."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def json(self, item: "Message | Mapping[str, object]") -> None:
        """Write a message as one line of protobuf JSON, or a mapping as one line of JSON."""
        if isinstance(item, Mapping):
            text = json.dumps(item, ensure_ascii=False)
        else:
            from google.protobuf.json_format import MessageToJson  # noqa: PLC0415 - loaded on use

            text = MessageToJson(item, indent=None, ensure_ascii=False)
        self.screen.write_bytes(text.encode() + b"\n")

    def table(self, columns: Sequence[TableColumn], rows: Iterable[Sequence[str]], count: str = "") -> None:
        """Print a table. count: a last line for terminals, such as `2 keys`."""
        lines = table(columns, list(rows), self.screen.width, color=self.screen.color)
        with self.screen.paged(pager=self.pager) as write:
            for line in lines:
                write(f"{line}\n")
            if count and self.terminal:
                write(f"{self._painted(Styled(count, 'dim'))}\n")

    def fields(self, fields: Iterable[tuple[str, str | Sequence[str]]]) -> None:
        """Print labels and values, one or more lines each; omit empty values."""
        pairs = [(label, [value] if isinstance(value, str) else value) for label, value in fields]
        shown = [(label, [line for line in lines if line]) for label, lines in pairs if any(lines)]
        indent = max((len(label) for label, _ in shown), default=0) + _GAP
        for label, lines in shown:
            title = self._painted(Styled(label, "bold")) + " " * (indent - len(label))
            for line in self._wrapped(lines, indent):
                self.screen.write(f"{title}{line}\n")
                title = " " * indent
        self.screen.flush()

    def line(self, text: str, style: str = "") -> None:
        """Print a line on standard output."""
        self.screen.write(f"{self._painted(Styled(text, style))}\n")
        self.screen.flush()

    def note(self, text: str, style: str = "") -> None:
        """Print a line on standard error: wrapped on a terminal, otherwise in one line."""
        lines = [clean(text)]
        if sys.stderr.isatty():
            indent = len(text) - len(text.lstrip(" "))
            lines = list(wrapped(clean(text), shutil.get_terminal_size().columns, indent=indent, prose=True))
        color = self.interactive and not os.environ.get("NO_COLOR")
        self.screen.flush()
        for line in lines:
            print(painted(line, style) if color else line, file=sys.stderr)

    def raw(self, data: bytes) -> None:
        """Write bytes unchanged; on a terminal, add a missing newline."""
        end = b"\n" if self.terminal and not data.endswith(b"\n") else b""
        self.screen.write_bytes(data + end)

    def _wrapped(self, values: Iterable[str], indent: int) -> Iterator[str]:
        for value in values:
            text = clean(value)
            cells = width(text) if self.screen.width is None else max(1, self.screen.width - indent)
            for line in wrapped(text, max(1, cells)):
                yield painted(line, style_of(value)) if self.screen.color else line

    def _painted(self, text: str) -> str:
        return painted(clean(text), style_of(text)) if self.screen.color else clean(text)
