"""Small files that are written atomically and durably, and that only their owner can read."""

import errno
import fcntl
import os
import tempfile
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""The errors of `link` on file systems without hard links, such as FAT, and some of FUSE and of networks."""


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, accessible to their owner only."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace(path: Path, content: bytes) -> None:
    """Write a file. A concurrent reader sees the previous content or the new content."""
    temporary = _written(path, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    sync_folder(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Write a file unless it exists; return whether it was written. Of several concurrent calls, one succeeds."""
    temporary = _written(path, content)
    try:
        created = _named(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if created:
        sync_folder(path.parent)
    return created


def _named(temporary: Path, path: Path) -> bool:
    """Give a file a name that is free; return whether it was free."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _renamed(temporary, path)
    return True


def _renamed(temporary: Path, path: Path) -> bool:
    """As `_named`, on a file system without hard links. A lock on the folder replaces the check by the system."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(path):
            return False
        temporary.rename(path)
    finally:
        os.close(folder)
    return True


def _written(path: Path, content: bytes) -> Path:
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # The buffer continues after a short write, which means that the disk is nearly full.
        with open(file, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError:
        os.unlink(name)
        raise
    return Path(name)
