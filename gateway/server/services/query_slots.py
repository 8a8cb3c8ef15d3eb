"""A limit of one audit query per caller, in all workers of a gateway together.

Each caller has a byte in a lock file. If a worker dies, the operating system releases its locks.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from gateway.authz.principals import caller_id
from gateway.call_context import CallContext
from gateway.errors import AUDIT_QUERY_IN_PROGRESS, AUDIT_QUERY_TIMEOUT, AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.journal.format.regular_files import open_file
from gateway.server.rpc_context import RpcContext

_FILE: Final = "queries.lock"
_OFFSET_BITS: Final = 62
_HELD: Final = frozenset({errno.EACCES, errno.EAGAIN})
_ResultT = TypeVar("_ResultT")


class QuerySlots:
    """The slots of all callers. folder: the folder of the lock file, which all workers share.

    timeout: time limit of one query in seconds.
    """

    def __init__(self, folder: Path, timeout: float) -> None:
        self._path = folder / _FILE
        self._timeout = timeout
        self._file: int | None = None
        self._held: set[int] = set()

    def close(self) -> None:
        """Close the lock file, which releases all locks."""
        if self._file is not None:
            os.close(self._file)

    async def run(self, call: CallContext, query: Callable[[], Awaitable[_ResultT]]) -> _ResultT:
        """Run a query in the slot of its caller, within the time limit. Raises GatewayError."""
        with self.held(caller_of(call)):
            try:
                async with asyncio.timeout(self._timeout):
                    return await query()
            except TimeoutError:
                limit = f"the query took longer than audit.query.timeout ({self._timeout:g} s)"
                raise GatewayError(AUDIT_QUERY_TIMEOUT, f"{limit}; select a shorter time range") from None

    @contextlib.contextmanager
    def held(self, caller: str) -> Iterator[None]:
        """Hold the slot of a caller. Raises GatewayError if another query holds it, or if the file is unusable."""
        slot = _slot(caller)
        try:
            file = self._opened()
            # File locks belong to the process, so a process can lock a byte again that it has already locked.
            held = slot not in self._held and _lock(file, slot)
        except OSError as error:
            raise GatewayError(AUDIT_QUERY_UNAVAILABLE, "the directory of the index is not usable") from error
        if not held:
            raise GatewayError(AUDIT_QUERY_IN_PROGRESS, "the caller already has an audit query in progress")
        self._held.add(slot)
        try:
            yield
        finally:
            self._held.discard(slot)
            fcntl.lockf(file, fcntl.LOCK_UN, 1, slot)

    def _opened(self) -> int:
        """Return the lock file. It is opened once per process, because closing a second one would release all locks."""
        if self._file is None:
            self._file = open_file(self._path, os.O_RDWR | os.O_CREAT)
        return self._file


def caller_of(call: CallContext) -> str:
    """Return the name of the caller, as policies and records name it."""
    assert isinstance(call, RpcContext)
    assert call.caller is not None
    return caller_id(call.caller)


def _lock(file: int, slot: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _slot(caller: str) -> int:
    return int.from_bytes(hashlib.sha256(caller.encode("utf-8", "surrogatepass")).digest()[:8]) >> (64 - _OFFSET_BITS)
