"""Group commit for one journal chain: all callers that wait share one fdatasync.

The kernel runs the fdatasync without a thread (`aio_fdatasync`). A flush that needs more runs on a thread
(`flush_thread`).

After a failed fdatasync the state of the disk is unknown, and the next fdatasync can succeed although data is lost: the
kernel may have dropped the pages from its cache. Therefore lines stay in memory until a sync succeeds. After a failure,
the next flush writes the same bytes again at the same offsets before it syncs, so that a reader sees no difference.

The writer decides when a flush begins and what follows it.
"""

import asyncio
import time
from pathlib import Path

import structlog

from gateway.journal.errors import CLOSED, JournalUnavailable, error_name
from gateway.journal.write.aio_fdatasync import open_aio_fdatasync
from gateway.journal.write.chain import OpenSegment
from gateway.journal.write.checkpoint_copies import CheckpointCopies
from gateway.journal.write.flush_batch import FlushBatch, fail
from gateway.journal.write.flush_thread import FlushThread

_log = structlog.get_logger(__name__)


class GroupCommit:
    """The pending records of one chain. `flush` makes them durable.

    keep_lines: whether to keep pending lines in memory; otherwise a rewrite after a failure reads them from the file.
    durable: the sequence number of the last durable record. flushes: how many succeeded. seconds: duration of the last
    sync. shared_by: how many callers waited for the last flush.
    """

    def __init__(self, folder: Path, segment: OpenSegment, sequence: int, *, keep_lines: bool) -> None:
        self.durable = sequence
        self.flushes = 0
        self.seconds = 0.0
        self.shared_by = 0
        self._folder = folder
        self._keep_lines = keep_lines
        self._loop = asyncio.get_running_loop()
        self._aio = open_aio_fdatasync(self._loop)
        self._thread = FlushThread(self._loop)
        self.copies = CheckpointCopies(folder, self._thread.run)
        self._segment = segment
        self._durable_size = segment.size
        self._last = sequence
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._batch: FlushBatch | None = None
        self._failure: str | None = None

    @property
    def pending(self) -> bool:
        """Whether any record is not durable, or may be lost because a sync failed."""
        return self.durable != self._last or self._failure is not None

    @property
    def waiting(self) -> int:
        """How many callers wait for the next flush."""
        return len(self._waiting)

    def begin_segment(self, segment: OpenSegment) -> None:
        """Take over the pending records for a new segment. None of them is durable yet."""
        self._segment = segment
        self._durable_size = 0

    def add(self, line: bytes, sequence: int) -> None:
        """Add one or more written records, up to `sequence`, to the pending records."""
        if self._keep_lines:
            self._lines.append(line)
        self._last = sequence

    def add_checkpoint(self, line: bytes, sequence: int) -> None:
        """Add a written checkpoint. It is copied after the flush that makes it durable."""
        self.add(line, sequence)
        self.copies.add(line, sequence)

    def check(self) -> None:
        """Raise JournalUnavailable if the last sync failed."""
        if self._failure is not None:
            raise JournalUnavailable(self._failure)

    def joined(self, sequence: int) -> "asyncio.Future[None] | None":
        """Return a future of the flush in progress, if that includes the record and no sync failed before."""
        if self._batch is None or sequence > self._batch.sequence or self._failure is not None:
            return None
        future = self._loop.create_future()
        self._batch.waiting.append(future)
        return future

    def queued(self) -> "asyncio.Future[None]":
        """Return a future of the next flush. It fails with JournalUnavailable if the flush fails."""
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    async def flush(self) -> int:
        """Make the pending records durable; return the sequence number of the last durable record.

        Raises OSError if the sync fails. Then no record counts as durable until a later flush succeeds.
        """
        batch = self._batch = self._take_pending()
        batch.waiting, self._waiting = self._waiting, []
        self.shared_by = len(batch.waiting)
        if not (batch.needs_only_fdatasync and self._started_in_kernel(batch)):
            self._thread.start(batch)
        try:
            await batch.done
        finally:
            self._batch = None
        return self._finish_flush(batch)

    def flush_blocking(self) -> int:
        """As `flush`, on this thread, while no other flush is in progress."""
        batch = self._take_pending()
        batch.sync()
        return self._finish_flush(batch)

    def fail_waiting(self, reason: str) -> None:
        """Fail all callers that wait for the next flush."""
        waiting, self._waiting = self._waiting, []
        fail(waiting, reason)

    def close(self) -> None:
        """Stop, while no flush is in progress. Callers that still wait get JournalUnavailable."""
        self._failure = CLOSED
        self._close_aio()
        self.fail_waiting(CLOSED)
        self._thread.close()
        self.copies.finish(self.durable)

    def _take_pending(self) -> FlushBatch:
        rewrite = self._failure is not None
        return FlushBatch(
            segment=self._segment,
            sequence=self._last,
            start=self._durable_size,
            end=self._segment.size,
            rewrite=rewrite,
            lines=self._lines[:] if rewrite else [],
            line_count=len(self._lines),
            done=self._loop.create_future(),
        )

    def _started_in_kernel(self, batch: FlushBatch) -> bool:
        if self._aio is None:
            return False
        batch.started = time.perf_counter()
        started = self._aio.start(batch.segment.file, batch.complete_fdatasync)
        if not started:
            _log.info("audit_fdatasync_by_thread", folder=str(self._folder), error="the kernel refused the request")
            self._close_aio()
        return started

    def _finish_flush(self, batch: FlushBatch) -> int:
        if batch.error is not None:
            self._failure = error_name(batch.error)
            batch.resolve_waiting()
            self.fail_waiting(self._failure)
            raise batch.error
        self._failure = None
        self.durable, self._durable_size = batch.sequence, batch.end
        self.flushes += 1
        self.seconds = batch.seconds
        del self._lines[: batch.line_count]
        batch.resolve_waiting()
        self.copies.copy_until(self.durable)
        return batch.sequence

    def _close_aio(self) -> None:
        if self._aio is not None:
            self._aio.close()
            self._aio = None
