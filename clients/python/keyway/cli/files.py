"""Local files: what goes in, what comes out, and what is not printed or overwritten by accident."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from keyway.cli.commands import options
from keyway.cli.failures import Refused
from keyway.cli.session import Session

STDIO: Final = "-"
_PRIVATE: Final = 0o600

output_options = options(
    click.option("--output", "-o", metavar="FILE", help="Write to a file; - is standard output."),
    click.option("--force", "-f", is_flag=True, help="Overwrite a file that is there; print what is not for eyes."),
)


def read(path: str, *, secret: bool = False) -> bytes:
    """A file, or standard input. secret: a word that is no file may be what should not have been typed there."""
    if path == STDIO:
        return sys.stdin.buffer.read()
    if secret and not os.path.lexists(path):
        raise click.UsageError(
            "there is no file of that name. Data are never on the command line, where everybody on the machine sees "
            "them: give a file, or write to standard input"
        )
    return Path(path).read_bytes()


def check_free(path: str | Path | None, *, force: bool) -> None:
    """Before anything is called whose answer could then not be kept."""
    if path is not None and str(path) != STDIO and not force and os.path.lexists(path) and not _special(Path(path)):
        raise Refused(f"{path} is there: --force overwrites it")


def write(session: Session, data: bytes, output: str | None, *, force: bool, private: bool = False) -> None:
    """To the file, or to standard output."""
    if output is None or output == STDIO:
        if private:
            check_eyes(session, force=force)
        if session.output.terminal and not force and not _is_text(data):
            raise Refused("these are bytes, not text for a terminal: --output FILE, or --force")
        session.output.raw(data)
        return
    with whole(Path(output), force=force, private=private) as file:
        file.write(data)


def check_eyes(session: Session, *, force: bool) -> None:
    """No key material on a terminal, unless it is asked for."""
    if session.output.terminal and not force:
        raise Refused("key material is not printed on a terminal: --output FILE, or --force")


@contextlib.contextmanager
def whole(path: Path, *, force: bool, private: bool) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` once all is written; after a failure nothing of it is left.

    private: for this user alone. Otherwise as every new file.
    """
    if _special(path):
        with path.open("wb", buffering=0) as device:
            yield device
        return
    check_free(path, force=force)
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            yield file
            os.fchmod(handle, _PRIVATE if private else 0o666 & ~_umask())
            os.fsync(handle)
        if force:
            os.replace(name, target)
        else:
            # Fails where another has made such a file meanwhile.
            os.link(name, target)
            os.unlink(name)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def local_name(filename: str) -> str:
    """A file's name as the gateway says it, made harmless: in this folder, not hidden, nothing that can't be typed."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1].lstrip(".-")
    name = "".join(character if character.isprintable() else "_" for character in last)
    if not name:
        raise Refused("the file has no usable name: --output FILE")
    return name


def _special(path: Path) -> bool:
    """A device or a pipe, which is written to and not replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except ValueError:
        return False
    return all(character.isprintable() or character in "\n\r\t" for character in text)


def argument(name: str, **attributes: Any) -> Callable[[Any], Any]:
    """A command's argument that is a file."""
    return click.argument(name, type=click.Path(allow_dash=True), **attributes)
