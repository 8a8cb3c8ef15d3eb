"""Opening of the journal's files: only regular files of the journal itself.

An attacker with write access to the directory can replace a file by a symbolic link, so that the gateway would change a
file elsewhere, or by a FIFO or a device, so that a read would never end. Such files are rejected.
"""

import errno
import os
import stat
from functools import partial
from pathlib import Path
from typing import IO, Final

from gateway.journal.format.durable_files import FILE_MODE

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""O_NONBLOCK: the open of a FIFO does not wait for the other side. It has no effect on regular files."""


class NotRegularFile(OSError):
    """The path names a symbolic link, a FIFO, a device, or another file that is not a regular file."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "not a regular file (symbolic links are not followed)", path)


class FileTooLarge(OSError):
    """The file is larger than the journal writes it."""

    def __init__(self, path: str, maximum: int) -> None:
        super().__init__(errno.EFBIG, f"larger than {maximum} bytes", path)


def open_file(path: Path | str, flags: int, *, follow: bool = False) -> int:
    """Return the descriptor of a regular file. Raises NotRegularFile and other OSErrors.

    flags: as for `os.open`. follow: whether the path may be a symbolic link.
    """
    try:
        file = os.open(path, flags | (_FLAGS & ~os.O_NOFOLLOW if follow else _FLAGS), FILE_MODE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a symbolic link, or a FIFO or socket without a reader
            raise NotRegularFile(str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotRegularFile(str(path))
    return file


def open_reader(path: Path, *, buffering: int = -1, follow: bool = False) -> IO[bytes]:
    """Open a regular file for reading. Raises NotRegularFile and other OSErrors."""
    return open(path, "rb", buffering=buffering, opener=partial(open_file, follow=follow))


def read_file(path: Path, maximum: int, *, follow: bool = False) -> bytes:
    """Return the content of a regular file. Raises NotRegularFile, FileTooLarge, and other OSErrors."""
    with open_reader(path, buffering=0, follow=follow) as file:
        if os.fstat(file.fileno()).st_size > maximum:
            raise FileTooLarge(str(path), maximum)
        return file.read()
