"""The thread that runs flushes which need more than an fdatasync by the kernel."""

import asyncio
import errno
import queue
import threading

from gateway.journal.write.checkpoint_copies import CheckpointCopies
from gateway.journal.write.flush_batch import FlushBatch


class FlushThread:
    """Runs one batch at a time. The thread starts with the first batch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, copies: CheckpointCopies) -> None:
        self._loop = loop
        self._copies = copies
        self._batches: queue.SimpleQueue[FlushBatch | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, batch: FlushBatch) -> None:
        """Run a batch, and complete it on the event loop."""
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="audit-journal", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            batch.error = OSError(errno.EAGAIN, "cannot start a thread")
            self._loop.call_soon(batch.complete)
        else:
            self._batches.put(batch)

    def close(self) -> None:
        """Stop the thread, while no batch is in progress."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._batches.put(None)
            thread.join()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                batch.sync(self._copies)
            except Exception as error:  # noqa: BLE001 - a batch always completes, because callers wait for it
                batch.error = OSError(errno.EIO, f"the sync failed: {type(error).__name__}")
            self._loop.call_soon_threadsafe(batch.complete)
