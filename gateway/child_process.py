"""Child processes of the gateway: start, settings, and stop; and a child process that is restarted if it dies.

A child reads its settings from standard input, and ends when the input is closed. So it does not outlive the gateway.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.config.child_environment import child_environment

_FIRST_PAUSE_SECONDS: Final = 0.2
_MAXIMUM_PAUSE_SECONDS: Final = 30.0

_log = structlog.get_logger(__name__)


class ChildProcess:
    """An async context manager. Leaving closes the input of the child, and kills it if it does not end.

    module: the module to run. settings: the line for its standard input. name: the prefix of log events.
    stop_seconds: the maximum time for the child to end.
    """

    def __init__(self, module: str, settings: bytes, *, name: str, stop_seconds: float) -> None:
        self._module = module
        self._settings = settings
        self._name = name
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._supervisor = asyncio.create_task(self._supervise())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.cancel()
        await asyncio.wait({self._supervisor})
        if self._process is not None and not await stop(self._process, self._stop_seconds):
            _log.warning(f"{self._name}_killed")

    @property
    def command(self) -> tuple[str, bytes]:
        """The module with its settings. Processes with equal commands are equivalent."""
        return self._module, self._settings

    @property
    def pid(self) -> int | None:
        """The process id; None while the process does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                process = self._process = await start_module(self._module)
                await send_settings(process, self._settings)
                code: int | None = await process.wait()
            except OSError as error:
                code = error.errno
            _log.error(f"{self._name}_died", error=f"exit code {code}")
            lifetime = asyncio.get_running_loop().time() - began
            pause = (
                _FIRST_PAUSE_SECONDS if lifetime > _MAXIMUM_PAUSE_SECONDS else min(pause * 2, _MAXIMUM_PAUSE_SECONDS)
            )
            await asyncio.sleep(pause)


async def start_module(module: str, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
    """Start a module as a program. pass_fds: file descriptors that it inherits. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=child_environment(),
        pass_fds=pass_fds,
    )


async def send_settings(process: asyncio.subprocess.Process, line: bytes) -> None:
    """Send the settings, unless the process has already ended. The pipe remains open until the process must end."""
    assert process.stdin is not None
    # RuntimeError: uvloop has closed the pipe.
    with contextlib.suppress(ConnectionError, RuntimeError):
        process.stdin.write(line)
        await process.stdin.drain()


async def stop(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Close the input of a process, so that it ends. If it does not end in time, kill it, and return False."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return True
