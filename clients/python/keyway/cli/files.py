"""Local files: input, output, and protection against accidental printing and overwriting."""

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from keyway.cli import filenames
from keyway.cli.commands import options
from keyway.cli.failures import Refused
from keyway.cli.session import Session

STDIO: Final = "-"
_PRIVATE: Final = 0o600
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""The errors of `link` on file systems without hard links, such as FAT, and some of FUSE and of networks."""

output_options = options(
    click.option("--output", "-o", metavar="FILE", help="Write to FILE; - is standard output."),
    click.option("--force", "-f", is_flag=True, help="Overwrite an existing file; print key material on a terminal."),
)


def read(path: str, *, secret: bool = False) -> bytes:
    """Read a file or standard input. secret: do not repeat `path` in an error; the user may have typed data there."""
    if path == STDIO:
        return sys.stdin.buffer.read()
    if secret and not os.path.lexists(path):
        raise click.UsageError(
            "the file does not exist. Data cannot be passed on the command line, which is visible to other users: "
            "pass a file, or write the data to standard input"
        )
    return Path(path).read_bytes()


def check_free(path: str | Path | None, *, force: bool) -> None:
    """Check that the output file does not exist. Called before the first call, whose result would be lost."""
    if path is not None and str(path) != STDIO and not force and os.path.lexists(path) and not _special(Path(path)):
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
    with whole(Path(output), force=force, private=private) as file:
        file.write(data)


def check_terminal(session: Session, *, force: bool) -> None:
    """Reject the output of key material on a terminal without --force."""
    if session.output.terminal and not force:
        raise Refused("key material is not printed on a terminal: pass --output FILE or --force")


@contextlib.contextmanager
def whole(path: Path, *, force: bool, private: bool) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when it is complete, and is removed after a failure.

    private: use mode 0600 instead of the default mode.
    """
    if _special(path):
        with path.open("wb", buffering=0) as device:
            yield device
        return
    check_free(path, force=force)
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=filenames.temporary_prefix(target.name))
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            yield file
            os.fchmod(handle, _PRIVATE if private else 0o666 & ~_umask())
            os.fsync(handle)
        if force:
            os.replace(name, target)
        else:
            _name(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _name(temporary: str, target: Path) -> None:
    """Give a complete file its name. FileExistsError if another process has created a file of that name."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Take the name with an empty file, which fails if it is taken, and replace that.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _special(path: Path) -> bool:
    """Return whether the path is a device or a pipe, which is not replaced."""
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
    """Return a decorator for an argument that is a file."""
    return click.argument(name, type=click.Path(allow_dash=True), **attributes)
