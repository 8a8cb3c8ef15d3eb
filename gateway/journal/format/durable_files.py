"""Small files that are written atomically and durably, and that only their owner can read."""

import os
import tempfile
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


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
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def _written(path: Path, content: bytes) -> Path:
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(file, "wb", buffering=0) as opened:
            opened.write(content)
            os.fsync(opened.fileno())
    except OSError:
        os.unlink(name)
        raise
    return Path(name)
