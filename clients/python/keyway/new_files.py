"""New files that appear only when they are complete."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

_PRIVATE: Final = 0o600
_TEMPORARY_BYTES: Final = 100
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""The errors of `link` on file systems without hard links, such as FAT, and some of FUSE and of networks."""


@contextlib.contextmanager
def new_file(path: str | Path, *, force: bool, private: bool) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when it is complete, and is removed after a failure.

    A device or a pipe is opened itself. force: replace an existing file; otherwise, it raises FileExistsError.
    private: use mode 0600 instead of the default mode.
    """
    path = Path(path)
    if is_special(path):
        with _named(path), path.open("wb") as device:
            yield device
        return
    if not force and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "already exists; pass --force to overwrite it", str(path))
    target = path.resolve()
    with _named(path.parent, temporary=True):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_temporary_prefix(target.name))
    try:
        with _named(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
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


@contextlib.contextmanager
def _named(path: Path, *, temporary: bool = False) -> Iterator[None]:
    """Add the path to errors without one, such as a full disk. temporary: also replace the name of a temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (error.filename is not None and not temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_special(path: Path) -> bool:
    """Return whether the path is a device or a pipe, which is not replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def first_bytes(name: str, maximum: int) -> str:
    """Return the first characters that have at most `maximum` bytes."""
    ends = accumulate(len(os.fsencode(character)) for character in name)
    return name[: sum(end <= maximum for end in ends)]


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


def _temporary_prefix(name: str) -> str:
    """Return a hidden prefix for the temporary file that becomes `name`. It leaves room for a random suffix."""
    return f".{first_bytes(name, _TEMPORARY_BYTES)}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
