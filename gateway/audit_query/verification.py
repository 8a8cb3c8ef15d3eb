"""Verification of the gateway's journal in a separate process.

At most one verification runs per gateway. All workers share its state and a lock, in the directory of the index. The
process inherits the lock from the worker that starts it, and ends when that worker ends.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

import orjson
import structlog

from gateway.audit_query.settings import AuditSection
from gateway.child_process import send_settings, start_module, stop
from gateway.journal.format.durable_files import make_folder
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.regular_files import open_file
from gateway.journal.verify.run import RUNNING, VerificationRun

_STATE: Final = "verification.json"
_LOCK: Final = "verification.lock"
_STOP_SECONDS: Final = 5.0
_ATTEMPTS: Final = 200
_RETRY_SECONDS: Final = 0.05
"""A process that has stored its result can hold the lock for some seconds on a busy machine."""

_log = structlog.get_logger(__name__)


def prepare(audit: AuditSection) -> None:
    """Create the directory of the index, and remove the state of earlier verifications.

    Without the directory, only audit queries fail. So an error is logged, and the gateway starts.
    """
    try:
        make_folder(audit.index_directory)
        (audit.index_directory / _STATE).unlink(missing_ok=True)
    except OSError as error:
        _log.error("audit_index_directory_unusable", directory=str(audit.index_directory), error=str(error))


class JournalVerifier:
    """Verifies a journal on request. public_key: returns the public key of the journal, or None if it is unknown."""

    def __init__(self, audit: AuditSection, public_key: Callable[[], JournalPublicKey | None]) -> None:
        self._directory = audit.directory
        self._folder = audit.index_directory
        self._public_key = public_key
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, *, restart: bool) -> tuple[VerificationRun, bool]:
        """Return the state, and whether the verification is in progress. Starts one if necessary.

        restart: whether to start a new verification if the previous one has ended. Raises OSError.
        """
        for _ in range(_ATTEMPTS):
            with self._locked() as lock:
                current = VerificationRun.load(self._folder / _STATE)
                if lock is not None and (current is None or restart):
                    return await self._start(lock), True
                is_running = lock is None and current is not None and current.state == RUNNING
                if current is not None and (is_running or not restart):
                    return current, is_running
            await asyncio.sleep(_RETRY_SECONDS)  # another worker, or a process that ends, holds the lock briefly
        raise BlockingIOError(11, "another process holds the lock of the verification", str(self._folder / _LOCK))

    async def close(self) -> None:
        """Stop the verification that this worker started."""
        if self._process is not None:
            await stop(self._process, _STOP_SECONDS)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int | None]:
        """Hold the lock of the state. Yields the file descriptor, or None if another process holds the lock."""
        file = open_file(self._folder / _LOCK, os.O_RDWR | os.O_CREAT)
        try:
            yield file if _try_lock(file) else None
        finally:
            os.close(file)

    async def _start(self, lock: int) -> VerificationRun:
        await self.close()
        state = VerificationRun(RUNNING, time.time())
        state.store(self._folder / _STATE)
        self._process = await start_module("gateway.journal.verify", pass_fds=(lock,))
        key = self._public_key()
        bootstrap = {
            "directory": str(self._directory.absolute()),
            "state": str((self._folder / _STATE).absolute()),
            "keys": [key.text] if key is not None else [],
        }
        # If the process has already ended, the lock is free, and `run` detects that.
        await send_settings(self._process, orjson.dumps(bootstrap) + b"\n")
        return state


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
