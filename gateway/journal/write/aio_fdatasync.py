"""fdatasync without a thread: the kernel runs it, and reports the result through an eventfd that the loop watches.

A thread takes the interpreter lock several times per sync, on both sides. That costs most of the CPU time of a sync
(docs/decisions/0016).
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from caio.linux_aio import Context, Operation

_RESULTS: Final = 1 << 64
"""The kernel reports an error as a negative number, which caio returns as an unsigned number of 64 bits."""

OnDone = Callable[[OSError | None], None]


class AioFdatasync:
    """Linux asynchronous I/O (`io_submit`), one fdatasync at a time. Use it on the event loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: "Context", operation: "type[Operation]") -> None:
        self._context = context
        self._operation = operation
        self._loop = loop
        self._result: tuple[OnDone, int] | None = None
        self._in_progress: OnDone | None = None
        self._broken = False
        os.set_inheritable(context.fileno, False)
        loop.add_reader(context.fileno, self._read_result)

    def start(self, file: int, on_done: OnDone) -> bool:
        """Sync the file, then call `on_done` with the error or None. Returns False if the kernel can not sync it."""
        if self._broken:
            return False
        try:
            operation = self._operation.fdsync(file)
            operation.set_callback(partial(self._keep_result, on_done))
            submitted = self._context.submit(operation) == 1
        except Exception:  # noqa: BLE001 - whatever the reason is, a thread can still do it
            return False
        self._in_progress = on_done if submitted else None
        return submitted

    def close(self) -> None:
        """Release the kernel context, while no sync is in progress. Takes the kernel about 30 ms."""
        self._loop.remove_reader(self._context.fileno)
        del self._context

    def _keep_result(self, on_done: OnDone, result: int) -> None:
        """Keep the result for `_read_result`. caio calls this, and would swallow an exception."""
        self._result = on_done, result

    def _read_result(self) -> None:
        try:
            with contextlib.suppress(BlockingIOError):  # another reader was faster
                self._context.poll()
            self._context.process_events()
        except Exception:  # noqa: BLE001 - neither this result nor a later one can be read
            self._broken = True
            if self._in_progress is not None:
                self._result = self._in_progress, _RESULTS - errno.EIO
        if self._result is not None:
            on_done, result = self._result
            self._result = self._in_progress = None
            on_done(_error(result))


def _error(result: int) -> OSError | None:
    """Return the error of a result. Every result except 0 is an error."""
    if result == 0:
        return None
    number = _RESULTS - result if result > 0 else -result
    if number not in errno.errorcode:
        number = errno.EIO
    return OSError(number, os.strerror(number))


def open_aio_fdatasync(loop: asyncio.AbstractEventLoop) -> AioFdatasync | None:
    """Open a kernel context. Returns None on other systems, in a sandbox, or if the system limit is reached."""
    # The import opens more kernel resources than needed here, and most commands keep no journal.
    from caio import linux_aio  # noqa: PLC0415

    if linux_aio is None:
        return None
    try:
        return AioFdatasync(loop, linux_aio.Context(max_requests=1), linux_aio.Operation)
    except SystemError:
        return None
