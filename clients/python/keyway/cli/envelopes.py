"""`keyway seal` and `keyway open`: files of any size, sealed on this machine with a data key of the gateway's."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from keyway.cli import files, names
from keyway.cli.commands import Command, options, pass_session
from keyway.cli.failures import Refused
from keyway.cli.progress import progress_bar
from keyway.cli.session import Session
from keyway.envelope import Opener, Sealer

SUFFIX: Final = ".sealed"
_STEP: Final = 1 << 20  # bytes between two updates of the bar

_bound = options(
    click.option("--aad", metavar="TEXT", help="Associated data: what has to be said to open it. Not in the file."),
    click.option("--aad-file", metavar="FILE", help="The same, from a file."),
    files.output_options,
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)


@click.command(
    cls=Command,
    examples="""
        keyway seal dump.sql --key nhn-keys/orders-key     makes dump.sql.sealed
        pg_dump orders | keyway seal - --key orders-key > orders.sealed
        keyway seal report.pdf --key orders-key --aad case-42
    """,
    notes="""
        What is sealed stays on this machine: the gateway makes a data key, and
        sees nothing else.
    """,
)
@files.argument("file")
@click.option("--key", metavar="KEY", required=True, help="The gateway's key that the data key is encrypted with.")
@_bound
@pass_session
def seal(session: Session, file: str, *, key: str, aad: str | None, aad_file: str | None, output: str | None,
         force: bool, quiet: bool) -> None:  # fmt: skip
    """Seal a file of any size.

    FILE, or standard input where it is -, becomes an envelope that only the gateway's key opens.
    """
    target = output or (files.STDIO if file == files.STDIO else f"{file}{SUFFIX}")
    associated = _associated(aad, aad_file)
    _check(session, file, target, force=force)
    name = names.full(session, names.KEY, key, "KeyService/GenerateDataKey")
    sealer = Sealer(session.client.keys, name)
    with _source(session, file, "Sealing", quiet=quiet) as source, _target(target, force=force, private=False) as sink:
        sealer.seal_stream(source, sink, associated)


@click.command(
    "open",
    cls=Command,
    examples="""
        keyway open dump.sql.sealed                        makes dump.sql
        keyway open dump.sql.sealed --key orders-key       if it is of this key
        keyway open orders.sealed -o - | psql orders
        keyway open report.pdf.sealed --aad case-42
    """,
    notes="""
        A file is there once all of it has verified. On standard output every byte
        has verified that is written, but only exit code 0 says that they are all:
        of an envelope that was damaged or cut, 3 comes at the end.
    """,
)
@files.argument("file")
@click.option("--key", metavar="KEY", help="Open envelopes of this key alone.")
@_bound
@pass_session
def open_(session: Session, file: str, *, key: str | None, aad: str | None, aad_file: str | None,
          output: str | None, force: bool, quiet: bool) -> None:  # fmt: skip
    """Open a sealed file.

    FILE, or standard input where it is -, is what `keyway seal` or any of the clients made.
    """
    target = output or _opened(file)
    associated = _associated(aad, aad_file)
    _check(session, file, target, force=force)
    expected = None if key is None else [names.full(session, names.KEY, key, "KeyService/Decrypt")]
    opener = Opener(session.client.keys, expected)
    with _source(session, file, "Opening", quiet=quiet) as source, _target(target, force=force, private=True) as sink:
        opener.open_stream(source, sink, associated)


def _opened(file: str) -> str:
    if file == files.STDIO:
        return files.STDIO
    if not file.endswith(SUFFIX) or Path(file).name == SUFFIX:
        raise click.UsageError(f"say where it goes: --output FILE ({Path(file).name} does not end in {SUFFIX})")
    return file.removesuffix(SUFFIX)


def _associated(text: str | None, file: str | None) -> bytes:
    if text is not None and file is not None:
        raise click.UsageError("--aad or --aad-file, not both")
    return files.read(file) if file is not None else (text or "").encode()


def _check(session: Session, file: str, target: str, *, force: bool) -> None:
    """All that can be known before the gateway is asked."""
    if file == files.STDIO and sys.stdin.isatty():
        raise Refused("standard input is a terminal: give a file, or a pipe")
    if target == files.STDIO and session.output.terminal and not force:
        raise Refused("standard output is a terminal: --output FILE, or --force")
    if file != files.STDIO and Path(file).is_dir():
        raise Refused(f"{file} is a folder: tar -c {file} | keyway seal - …")
    if files.STDIO not in (file, target) and os.path.exists(target) and os.path.samefile(file, target):
        raise Refused("a file can't become itself")
    files.check_free(target, force=force)


@contextlib.contextmanager
def _source(session: Session, file: str, doing: str, *, quiet: bool) -> Iterator[BinaryIO]:
    """What is read, with a bar beside it where somebody looks."""
    with contextlib.ExitStack() as stack:
        opened = sys.stdin.buffer if file == files.STDIO else stack.enter_context(Path(file).open("rb", buffering=0))
        console = session.output.errors
        if quiet or session.json or not sys.stderr.isatty() or not console.is_terminal:
            yield opened
            return
        status = os.fstat(opened.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) else None
        tell = stack.enter_context(progress_bar(console, doing, total))
        yield _Counted(opened, tell)  # type: ignore[misc]


class _Counted:
    """A file that tells how much of it was read, every now and then."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file = file
        self._tell = tell
        self._untold = 0

    def read(self, size: int) -> bytes:
        """At most so many bytes."""
        data = self._file.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: memoryview) -> int:
        """As a file's own."""
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        self._untold += count
        if self._untold >= _STEP or not count:
            self._tell(self._untold)
            self._untold = 0


@contextlib.contextmanager
def _target(target: str, *, force: bool, private: bool) -> Iterator[BinaryIO]:
    if target == files.STDIO:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with files.whole(Path(target), force=force, private=private) as file:
        yield file
