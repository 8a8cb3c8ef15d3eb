"""The commands `keyway seal` and `keyway open`: local envelope encryption of files of any size."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from keyway.cli import files, names, value_types
from keyway.cli.commands import Command, options, pass_session
from keyway.cli.failures import Refused
from keyway.cli.progress import progress_bar
from keyway.cli.session import Session
from keyway.new_files import new_file

SUFFIX: Final = ".sealed"
_STEP: Final = 1 << 20  # bytes between two updates of the progress bar

_bound = options(
    click.option("--aad", metavar="TEXT", help="Associated data: not stored in the file, and required to open it."),
    click.option("--aad-file", metavar="FILE", help="File with the associated data."),
    files.output_options,
    click.option("--quiet", "-q", is_flag=True, help="Do not show a progress bar."),
)


@click.command(
    cls=Command,
    examples="""
        keyway seal dump.sql --key nhn-keys/orders-key     creates dump.sql.sealed
        pg_dump orders | keyway seal - --key nhn-keys/orders-key > orders.sealed
        keyway seal report.pdf --key nhn-keys/orders-key --aad case-42
    """,
    notes="""
        The data is encrypted on this machine and not sent to the gateway. The gateway
        only generates the data key.
    """,
)
@files.argument("file")
@click.option("--key", type=value_types.KEY, metavar="KEY", required=True, help="Key that encrypts the data key.")
@_bound
@pass_session
def seal(session: Session, file: str, *, key: str, aad: str | None, aad_file: str | None, output: str | None,
         force: bool, quiet: bool) -> None:  # fmt: skip
    """Encrypt a file of any size into an envelope.

    FILE can be - for standard input. To open the result, the gateway must permit you to decrypt with KEY.
    """
    target = output or (files.STDIO if file == files.STDIO else f"{file}{SUFFIX}")
    associated = _associated(aad, aad_file)
    _check(session, file, target, force=force)
    name = names.full(session, names.KEY, key, "KeyService/GenerateDataKey")
    from keyway.envelope import Sealer  # noqa: PLC0415 - needs cryptography

    sealer = Sealer(session.client.keys, name)
    with _source(session, file, "Sealing", quiet=quiet) as source, _target(target, force=force, private=False) as sink:
        sealer.seal_stream(source, sink, associated)


@click.command(
    "open",
    cls=Command,
    examples="""
        keyway open dump.sql.sealed                         creates dump.sql
        keyway open dump.sql.sealed --key nhn-keys/orders-key   accept only this key
        keyway open orders.sealed -o - | psql orders
        keyway open report.pdf.sealed --aad case-42
    """,
    notes="""
        The file is created only when the whole envelope is verified. Standard
        output contains only verified bytes, but they are complete only if the exit
        code is 0; for a damaged or truncated envelope it is 3.
    """,
)
@files.argument("file")
@click.option(
    "--key", type=value_types.KEY, metavar="KEY", help="Accept only envelopes that were sealed with this key."
)
@_bound
@pass_session
def open_(session: Session, file: str, *, key: str | None, aad: str | None, aad_file: str | None,
          output: str | None, force: bool, quiet: bool) -> None:  # fmt: skip
    """Verify and decrypt an envelope.

    FILE is an envelope that `keyway seal` or a client library created, or - for standard input.
    """
    target = output or _opened(file)
    associated = _associated(aad, aad_file)
    _check(session, file, target, force=force)
    expected = None if key is None else [names.full(session, names.KEY, key, "KeyService/Decrypt")]
    from keyway.envelope import Opener  # noqa: PLC0415 - needs cryptography

    opener = Opener(session.client.keys, expected)
    with _source(session, file, "Opening", quiet=quiet) as source, _target(target, force=force, private=True) as sink:
        opener.open_stream(source, sink, associated)


def _opened(file: str) -> str:
    if file == files.STDIO:
        return files.STDIO
    if not file.endswith(SUFFIX) or Path(file).name == SUFFIX:
        raise click.UsageError(f"{Path(file).name} does not end in {SUFFIX}: pass --output FILE")
    return file.removesuffix(SUFFIX)


def _associated(text: str | None, file: str | None) -> bytes:
    if text is not None and file is not None:
        raise click.UsageError("--aad and --aad-file cannot be combined")
    return files.read(file) if file is not None else (text or "").encode()


def _check(session: Session, file: str, target: str, *, force: bool) -> None:
    """Check the files before the first call."""
    if file == files.STDIO and sys.stdin.isatty():
        raise Refused("standard input is a terminal: pass a file or use a pipe")
    if target == files.STDIO and session.output.terminal and not force:
        raise Refused("standard output is a terminal: pass --output FILE or --force")
    if file != files.STDIO and Path(file).is_dir():
        raise Refused(f"{file} is a directory: use tar -c {file} | keyway seal - …")
    if files.STDIO not in (file, target) and os.path.exists(target) and os.path.samefile(file, target):
        raise Refused("input and output are the same file")
    files.check_free(target, force=force)


@contextlib.contextmanager
def _source(session: Session, file: str, doing: str, *, quiet: bool) -> Iterator[BinaryIO]:
    """Open the input; on a terminal, show a progress bar."""
    with contextlib.ExitStack() as stack:
        opened = sys.stdin.buffer if file == files.STDIO else stack.enter_context(Path(file).open("rb", buffering=0))
        if quiet or session.json or not session.output.interactive:
            yield opened
            return
        status = os.fstat(opened.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) else None
        report = stack.enter_context(progress_bar(doing, total))
        yield _Counted(opened, report)  # type: ignore[misc]


class _Counted:
    """A file that reports progress while it is read."""

    def __init__(self, file: BinaryIO, report: Callable[[int], None]) -> None:
        self._file = file
        self._report = report
        self._unreported = 0

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        data = self._file.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Read into a buffer; return the number of bytes."""
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        self._unreported += count
        if self._unreported >= _STEP or not count:
            self._report(self._unreported)
            self._unreported = 0


@contextlib.contextmanager
def _target(target: str, *, force: bool, private: bool) -> Iterator[BinaryIO]:
    if target == files.STDIO:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with new_file(target, force=force, private=private) as file:
        yield file
