"""The batch of records that one flush makes durable."""

import asyncio
import os
import time
from dataclasses import dataclass, field

from gateway.journal.errors import JournalUnavailable, error_name
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.write.chain import OpenSegment


@dataclass(slots=True, eq=False)
class FlushBatch:
    """Records up to `sequence`: the bytes from `start` to `end` of a segment.

    rewrite: whether to write these bytes again before the sync, because an earlier sync failed.
    lines: the same bytes, if they are kept in memory. line_count: how many kept lines belong to the batch.
    done: completes after the sync. waiting: futures of the callers that wait for this batch.
    """

    segment: OpenSegment
    sequence: int
    start: int
    end: int
    rewrite: bool
    lines: list[bytes]
    line_count: int
    done: "asyncio.Future[None]"
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)
    started: float = 0.0
    seconds: float = 0.0
    error: OSError | None = None

    @property
    def needs_only_fdatasync(self) -> bool:
        """Whether one fdatasync of the segment is all there is to do."""
        if self.rewrite or not self.segment.name_durable:
            return False
        try:
            return self.segment.in_place
        except OSError:
            return False  # `sync` gets the same error and reports it

    def sync(self) -> None:
        """Do all the file operations of the flush. Blocks; may run on any thread. Sets `error` on failure."""
        self.started = time.perf_counter()
        try:
            self._sync_segment()
        except OSError as error:
            self.error = error
        self.seconds = time.perf_counter() - self.started

    def complete_fdatasync(self, error: OSError | None) -> None:
        """Take the result of an fdatasync by the kernel."""
        self.seconds = time.perf_counter() - self.started
        self.error = error
        self.complete()

    def complete(self) -> None:
        """Complete all futures, on the event loop. `done` is first, so that the flush continues before the callers."""
        if not self.done.done():
            self.done.set_result(None)
        self.resolve_waiting()

    def resolve_waiting(self) -> None:
        """Complete the futures of the callers."""
        waiting, self.waiting = self.waiting, []
        if self.error is not None:
            fail(waiting, error_name(self.error))
            return
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _sync_segment(self) -> None:
        segment = self.segment
        if self.rewrite:
            segment.write_again(self.start, self.end, b"".join(self.lines))
        if not segment.in_place:
            raise FileNotFoundError(2, "the segment file was deleted or moved away", str(segment.path))
        os.fdatasync(segment.file)
        if not segment.name_durable:
            sync_folder(segment.path.parent)
            segment.name_durable = True


def fail(waiting: "list[asyncio.Future[None]]", reason: str) -> None:
    """Complete futures with JournalUnavailable."""
    for future in waiting:
        if not future.done():
            future.set_exception(JournalUnavailable(reason))
