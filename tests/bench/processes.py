"""Server processes: started, waited for until they accept connections, and stopped by process ID."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.bench import accounting

_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.02
_TAIL_CHARACTERS: Final = 600


class ServerError(Exception):
    """A server did not start or does not respond."""


def leave_nothing_behind() -> None:
    """Turn SIGTERM into an exception, so that the servers of this process are stopped as well."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


class Server:
    """A process that listens on a port: `with Server(command, port, log) as server: …`. It writes to `log`."""

    def __init__(
        self,
        command: Sequence[object],
        port: int,
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        start_seconds: float = _START_SECONDS,
    ) -> None:
        self._command = [str(part) for part in command]
        self.port = port
        self._log = log
        self._folder = folder
        self._environment = environment
        self._start_seconds = start_seconds

    def __enter__(self) -> Self:
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def usage(self) -> accounting.Usage:
        """CPU time so far."""
        return accounting.usage(self.pid)

    def peak_memory(self) -> int:
        """Peak resident memory in bytes."""
        return accounting.peak_memory(self.pid)

    def output_tail(self) -> str:
        """The last lines of its output."""
        return self._log.read_text(errors="replace").strip()[-_TAIL_CHARACTERS:]

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerError(f"the process exited with {self._process.returncode}: {self.output_tail()}")
            with socket.socket() as attempt:
                attempt.settimeout(1.0)
                if attempt.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(_PAUSE_SECONDS)
        raise ServerError(f"the process does not listen on port {self.port}: {self.output_tail()}")

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
