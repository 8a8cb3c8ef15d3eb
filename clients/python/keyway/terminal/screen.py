"""Standard output and standard error of a command that prints lists, and the pager."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Final

from keyway.terminal.text import clean

Write = Callable[[str], None]
STANDARD_OUTPUT: Final = "standard output"
"""The file name in errors about standard output."""
_LESS: Final = "FRX"
"""The options of `less` if the user set none. `less` exits if the text fits on one screen, and keeps it there."""


class Screen:
    """Standard output. terminal: whether it is a terminal. width: the width of the terminal in cells, or None.

    color: whether to use bold and colored text.
    """

    def __init__(self) -> None:
        self.terminal: Final = sys.stdout.isatty()
        self.width: Final = shutil.get_terminal_size().columns if self.terminal else None
        self.color: Final = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write text. If standard output is a terminal, control characters must already be escaped."""
        with _named():
            sys.stdout.buffer.write(text.encode())

    def write_bytes(self, data: bytes) -> None:
        """Write bytes, and everything that is buffered."""
        with _named():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def flush(self) -> None:
        """Write the buffered text."""
        with _named():
            sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        """Print a note on standard error."""
        self.flush()
        print(f"keyway: {clean(text)}", file=sys.stderr)

    @contextlib.contextmanager
    def paged(self, *, pager: bool = True) -> Iterator[Write]:
        """Yield a function that writes to the pager, or to standard output if it is not a terminal with a screen."""
        has_screen = self.terminal and os.environ.get("TERM") != "dumb"
        command = _pager() if has_screen and pager else []
        if not command:
            yield self.write
            self.flush()
            return
        self.flush()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": _LESS, **os.environ})  # noqa: S603
        assert process.stdin is not None
        stream = process.stdin
        try:
            with contextlib.suppress(BrokenPipeError):  # the user closed the pager
                yield lambda text: _write_all(stream.write, text)
        finally:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
            _wait(process)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Add the name of the stream to errors."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, STANDARD_OUTPUT) from error


def _write_all(write: Callable[[bytes], int | None], text: str) -> None:
    write(text.encode())


def _pager() -> list[str]:
    """Return the command of the pager; empty if there is no pager, or if the variable is not a command."""
    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:  # a quote is not closed
        return []
    return command if command and shutil.which(command[0]) is not None else []


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of the pager, which handles Ctrl-C itself."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
