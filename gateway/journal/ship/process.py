"""The shipper as a child process of the gateway: starts it, restarts it when it dies, and stops it at the end."""

import asyncio
import contextlib
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.config.child_environment import child_environment
from gateway.journal.ship.bootstrap import ShipperBootstrap
from gateway.journal.ship.settings import ShipSettings

_FIRST_PAUSE_SECONDS: Final = 0.2
_MAXIMUM_PAUSE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
"""The maximum time to ship the remaining records at the stop; more than the shipper itself allows."""

_log = structlog.get_logger(__name__)


class ShipperProcess:
    """An async context manager. Leaving gives the shipper a few seconds to ship the remaining records."""

    def __init__(
        self,
        directory: Path,
        settings: ShipSettings,
        *,
        signing_key_file: Path | None = None,
        log_level: str = "info",
        log_format: str = "json",
    ) -> None:
        self._bootstrap = ShipperBootstrap(directory, settings, log_level, log_format, signing_key_file)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._supervisor = asyncio.create_task(self._supervise())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.cancel()
        await asyncio.wait({self._supervisor})
        if self._process is not None:
            await _stop(self._process)

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
                process = self._process = await _start()
                await _send_bootstrap(process, self._bootstrap)
                code: int | None = await process.wait()
            except OSError as error:
                code = error.errno
            _log.error("audit_shipper_died", error=f"exit code {code}")
            lifetime = asyncio.get_running_loop().time() - began
            pause = (
                _FIRST_PAUSE_SECONDS if lifetime > _MAXIMUM_PAUSE_SECONDS else min(pause * 2, _MAXIMUM_PAUSE_SECONDS)
            )
            await asyncio.sleep(pause)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.journal.ship",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=child_environment(),
    )


async def _send_bootstrap(process: asyncio.subprocess.Process, bootstrap: ShipperBootstrap) -> None:
    """Send the settings. The pipe stays open while the shipper is to run."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # the process has already died
        process.stdin.write(bootstrap.line())
        await process.stdin.drain()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its input, so that it ends. If it does not, kill it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        _log.warning("audit_shipper_killed")
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
