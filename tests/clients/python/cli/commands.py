"""Runs of `keyway` as processes, with pipes or on a terminal.

Processes with pipes are forked from one process that has loaded all modules and has no connections, because loading
takes most of the time. `python -m tests.clients.python.cli.commands` is that process.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 60.0
KEYWAY = (sys.executable, "-m", "keyway_cli")
# A new session makes the terminal its controlling terminal, which prompts use.
_ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


class Commands:
    """`keyway` in a folder, with these environment variables only."""

    def __init__(self, server: subprocess.Popen[str], folder: Path, variables: Mapping[str, str]) -> None:
        self._server = server
        self.folder = folder
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "LANG": "C.UTF-8", **variables}

    def __call__(self, *arguments: object, data: bytes = b"", **variables: str) -> Ran:
        """Run a command. data: standard input. variables: additional environment variables."""
        files = {name: self.folder.parent / f"{self.folder.name}.{name}" for name in ("in", "out", "err")}
        files["in"].write_bytes(data)
        asked = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(self.folder),
            "variables": {**self.variables, **variables},
            "files": [str(path) for path in files.values()],
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return Ran(code, files["out"].read_bytes(), files["err"].read_text())

    def on_terminal(self, *arguments: object, columns: int = 100, **variables: str) -> "Terminal":
        """Run a command on a terminal."""
        words = [str(argument) for argument in arguments]
        return Terminal(words, self.folder, {"TERM": "xterm-256color", **self.variables, **variables}, columns)


class Terminal:
    """A terminal that runs a command. `screen`: its output so far."""

    def __init__(self, arguments: list[str], folder: Path, variables: Mapping[str, str], columns: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *KEYWAY, *arguments],
            cwd=folder, env=variables, stdin=slave, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        self._seen = bytearray()
        self._after = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def screen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def until(self, text: str) -> None:
        """Wait for this output, after the output of the previous wait."""
        end = time.monotonic() + PATIENCE
        while (at := self._seen.find(text.encode(), self._after)) < 0:
            assert time.monotonic() < end, f"timeout before {text!r}: {self.screen}"
            assert self._read(1.0), f"the command ended before {text!r}: {self.screen}"
        self._after = at + len(text.encode())

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def ended(self) -> int:
        """Wait for the end of the command; return its exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(1.0):
            assert time.monotonic() < end, f"timeout: {self.screen}"
        return self.process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        """Read; return whether more output can follow."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the other end is closed
            return False
        self._seen += data
        return bool(data)


@contextlib.contextmanager
def forking() -> Iterator[subprocess.Popen[str]]:
    """The process that runs commands with pipes."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server


def _serve() -> None:
    _load()
    # The forked processes replace the descriptors 0, 1 and 2.
    answers = os.fdopen(os.dup(1), "w")
    for line in os.fdopen(os.dup(0)):
        asked = json.loads(line)
        if (pid := os.fork()) == 0:
            _become(asked)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)


def _load() -> None:
    """Load all modules of the command line once, before the forks."""
    os.environ["GRPC_VERBOSITY"] = "NONE"  # as `keyway_cli` does before it loads gRPC
    from keyway.cli import failed_calls  # noqa: F401, PLC0415
    from keyway.cli.app import root  # noqa: PLC0415
    from keyway.cli.diagnosis import diagnose  # noqa: F401, PLC0415

    assert all(root.commands.values())


def _become(asked: Mapping[str, Any]) -> None:
    from keyway.cli import main  # noqa: PLC0415

    # End a command that hangs.
    signal.alarm(int(PATIENCE))
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    for number, (path, flags) in enumerate(
        zip(asked["files"], (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC] * 2), strict=True)
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    os.umask(0o022)
    sys.argv = ["keyway", *asked["arguments"]]
    code: object = 70
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
