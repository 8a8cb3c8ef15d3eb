"""Small file systems of a test's own, and how they get full."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.programs import require_mounts


@contextlib.contextmanager
def mounted(place: Path, *arguments: object) -> Iterator[Path]:
    """A new folder, with what `mount` and these arguments put there."""
    require_mounts()
    place.mkdir()
    subprocess.run(["mount", *map(str, arguments), place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextlib.contextmanager
def in_memory(place: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes."""
    with mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield place


def remount(place: Path, option: str) -> None:
    """As `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{option}", place], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left; the file that holds it."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast
