"""Local files: input, output, and protection against accidental printing and overwriting."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from keyway.cli.commands import options
from keyway.cli.failures import Refused
from keyway.cli.session import Session
from keyway.new_files import is_special, new_file

STDIO: Final = "-"
_FILE_NAME: Final = re.compile(r"[\w./~+-]{1,80}\.[A-Za-z][A-Za-z0-9]{0,4}")
"""A file name with an extension. Other text can be secret data that the user passed instead of a file name."""

output_options = options(
    click.option("--output", "-o", metavar="FILE", help="Write to FILE; - is standard output."),
    click.option("--force", "-f", is_flag=True, help="Overwrite an existing file; print key material on a terminal."),
)


def read(path: str, *, secret: bool = False) -> bytes:
    """Read a file or standard input. secret: do not print `path` in an error unless it looks like a file name."""
    if path == STDIO:
        return sys.stdin.buffer.read()
    if secret and not os.path.lexists(path):
        what = path if _FILE_NAME.fullmatch(path) else "the file"
        raise click.UsageError(
            f"{what} does not exist. Data cannot be passed on the command line, which is visible to other users: "
            "pass a file, or write the data to standard input"
        )
    return Path(path).read_bytes()


def check_free(path: str | Path | None, *, force: bool) -> None:
    """Check that the output file does not exist. Called before the first call, whose result would be lost."""
    if path is not None and str(path) != STDIO and not force and os.path.lexists(path) and not is_special(Path(path)):
        raise Refused(f"{path} already exists; pass --force to overwrite it")


def write(session: Session, data: bytes, output: str | None, *, force: bool, private: bool = False) -> None:
    """Write to the file, or to standard output."""
    if output is None or output == STDIO:
        if private:
            check_terminal(session, force=force)
        if session.output.terminal and not force and not _is_text(data):
            raise Refused("the output is binary: pass --output FILE or --force")
        session.output.raw(data)
        return
    with new_file(output, force=force, private=private) as file:
        file.write(data)


def check_terminal(session: Session, *, force: bool) -> None:
    """Reject the output of key material on a terminal without --force."""
    if session.output.terminal and not force:
        raise Refused("key material is not printed on a terminal: pass --output FILE or --force")


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except ValueError:
        return False
    return all(character.isprintable() or character in "\n\r\t" for character in text)


def argument(name: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return a decorator for an argument that is a file."""
    return click.argument(name, type=click.Path(allow_dash=True), **attributes)
