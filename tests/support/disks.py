"""Small file systems for one test, and ways to fill them."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.programs import require_mounts


@contextlib.contextmanager
def mounted(place: Path, *arguments: object) -> Iterator[Path]:
    """Create a folder and mount on it with these arguments of `mount`."""
    require_mounts()
    place.mkdir()
    subprocess.run(["mount", *map(str, arguments), place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextlib.contextmanager
def in_memory(place: Path, size: int) -> Iterator[Path]:
    """Mount a file system in memory. size: in bytes."""
    with mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield place


def remount(place: Path, option: str) -> None:
    """Mount again with an option, such as `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{option}", place], check=True)


def fill(disk: Path) -> Path:
    """Use all free space, and return the file that uses it."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler
