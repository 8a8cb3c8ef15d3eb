"""The shipper as a child of the gateway: started, started again when it dies, and stopped at the end."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.journal.ship.bootstrap import Handover
from gateway.journal.ship.settings import ShipSettings

_FIRST_PAUSE_SECONDS: Final = 0.2
_MAXIMUM_PAUSE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
"""What the shipper may take to ship the rest; more than it takes by itself."""
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PREFIXES: Final = ("LC_", "PYTHON", "GRPC_", "LD_")
"""Of our environment the shipper gets what a program needs to run: the rest may hold secrets of providers."""

_log = structlog.get_logger(__name__)


class ShipperProcess:
    """`async with ShipperProcess(directory, settings): …`; leaving lets it ship what is left, within a few seconds."""

    def __init__(
        self, directory: Path, settings: ShipSettings, *, log_level: str = "info", log_format: str = "json"
    ) -> None:
        self._handover = Handover(directory, settings, log_level, log_format)
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
        """The process's id; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                process = self._process = await _start()
                await _tell(process, self._handover)
                code: int | None = await process.wait()
            except OSError as error:
                code = error.errno
            _log.error("audit_shipper_died", code=code)
            lived = asyncio.get_running_loop().time() - began
            pause = _FIRST_PAUSE_SECONDS if lived > _MAXIMUM_PAUSE_SECONDS else min(pause * 2, _MAXIMUM_PAUSE_SECONDS)
            await asyncio.sleep(pause)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.journal.ship",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith(_PREFIXES)},
    )


async def _tell(process: asyncio.subprocess.Process, handover: Handover) -> None:
    """What to do; the pipe stays open for as long as the shipper shall run."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it died already
        process.stdin.write(handover.line())
        await process.stdin.drain()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its input, which tells it to end; then end it."""
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
