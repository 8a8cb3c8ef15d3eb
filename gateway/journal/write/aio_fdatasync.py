"""fdatasync without a thread: the kernel does it, and says so through a descriptor that the event loop watches.

A thread's turn costs the interpreter's lock several times, on both sides, and that is most of a sync's CPU time
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
"""The kernel tells an error as a negative number, which caio hands on as one without a sign, of 64 bits."""

Ended = Callable[[OSError | None], None]


class Flusher:
    """Asynchronous I/O of Linux (`io_submit`), one flush at a time. For the event loop's thread alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: "Context", operation: "type[Operation]") -> None:
        self._context = context
        self._operation = operation
        self._loop = loop
        self._told: tuple[Ended, int] | None = None
        self._asking: Ended | None = None
        self._broken = False
        os.set_inheritable(context.fileno, False)
        loop.add_reader(context.fileno, self._look)

    def begin(self, file: int, ended: Ended) -> bool:
        """Flush the file, then call `ended` with what went wrong or None. False where that can't be had for it."""
        if self._broken:
            return False
        try:
            operation = self._operation.fdsync(file)
            operation.set_callback(partial(self._tell, ended))
            submitted = self._context.submit(operation) == 1
        except Exception:  # noqa: BLE001 - whatever there is against it, a thread can still do it
            return False
        self._asking = ended if submitted else None
        return submitted

    def close(self) -> None:
        """While no flush is under way. Takes the kernel some 30 ms."""
        self._loop.remove_reader(self._context.fileno)
        del self._context

    def _tell(self, ended: Ended, result: int) -> None:
        """Called inside caio, where nobody would hear of an exception."""
        self._told = ended, result

    def _look(self) -> None:
        try:
            with contextlib.suppress(BlockingIOError):  # there was something, and is no more
                self._context.poll()
            self._context.process_events()
        except Exception:  # noqa: BLE001 - what became of the flush can't be known any more, nor of one that follows
            self._broken = True
            if self._asking is not None:
                self._told = self._asking, _RESULTS - errno.EIO
        if self._told is not None:
            ended, result = self._told
            self._told = self._asking = None
            ended(_error(result))


def _error(result: int) -> OSError | None:
    """fdatasync has no result but 0."""
    if result == 0:
        return None
    number = _RESULTS - result if result > 0 else -result
    if number not in errno.errorcode:
        number = errno.EIO
    return OSError(number, os.strerror(number))


def kernel_flusher(loop: asyncio.AbstractEventLoop) -> Flusher | None:
    """None where the system has no such thing, or grants none: another system, a sandbox, too many in use."""
    # With the import it asks the kernel for more than is wanted here, and most commands keep no journal.
    from caio import linux_aio  # noqa: PLC0415

    if linux_aio is None:
        return None
    try:
        return Flusher(loop, linux_aio.Context(max_requests=1), linux_aio.Operation)
    except SystemError:
        return None
