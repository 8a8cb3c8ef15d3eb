"""Resources that this process uses: memory, CPU time, and open files. Values that the system does not tell are None."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SELF: Final = Path("/proc/self")
_PAGE_BYTES: Final = resource.getpagesize()


def resident_bytes() -> int | None:
    """Return the resident memory of the process."""
    try:
        return int((_SELF / "statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def cpu_seconds() -> Mapping[str, float]:
    """Return the CPU time of the process, without its child processes, by mode."""
    times = os.times()
    return {"user": times.user, "system": times.system}


def open_files() -> int | None:
    """Return the number of open files, including sockets and pipes."""
    try:
        return len(os.listdir(_SELF / "fd")) - 1  # without the listed folder itself
    except OSError:
        return None


def open_files_limit() -> int | None:
    """Return the maximum number of open files; None if it is unlimited."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else None
