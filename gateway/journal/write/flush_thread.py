"""The thread of a chain: runs flushes that need more than an fdatasync by the kernel, and copies checkpoints."""

import asyncio
import errno
import queue
import threading
from collections.abc import Callable

import structlog

from gateway.journal.write.flush_batch import FlushBatch

_log = structlog.get_logger(__name__)


class FlushThread:
    """Runs one batch or copy at a time. The thread starts with the first of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: queue.SimpleQueue[FlushBatch | Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, batch: FlushBatch) -> None:
        """Run a batch, and complete it on the event loop."""
        if self._started():
            self._work.put(batch)
        else:
            batch.error = OSError(errno.EAGAIN, "cannot start a thread")
            self._loop.call_soon(batch.complete)

    def run(self, work: Callable[[], None]) -> None:
        """Run a function that handles its errors. If no thread can be started, run it now."""
        if self._started():
            self._work.put(work)
        else:
            work()

    def close(self) -> None:
        """Finish the work, and stop the thread, while no batch is in progress."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._work.put(None)
            thread.join()

    def _started(self) -> bool:
        """Start the thread if necessary; return whether it runs."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="audit-journal", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if not isinstance(work, FlushBatch):
                try:
                    work()
                except Exception:  # noqa: BLE001 - logged with its traceback; later batches need this thread
                    _log.exception("audit_checkpoint_copy_failed")
                continue
            try:
                work.sync()
            except Exception as error:  # noqa: BLE001 - a batch always completes, because callers wait for it
                work.error = OSError(errno.EIO, f"the sync failed: {type(error).__name__}")
            self._loop.call_soon_threadsafe(work.complete)
