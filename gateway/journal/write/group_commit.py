"""Group commit: one fdatasync for all that wait. The kernel does it by itself; what needs more, a thread does.

What a failed fdatasync leaves on the disk is unknown, and a second one would not tell: its pages may be gone from the
cache. So the lines since the last success are kept in memory, and written again at their place before the next attempt.
Their bytes are the same, so that a reader in the meantime sees no difference.
"""

import asyncio
import contextlib
import errno
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from gateway.journal.errors import CLOSED, JournalUnavailable, error_name
from gateway.journal.format.checkpoints import append_copies
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.write.aio_fdatasync import kernel_flusher
from gateway.journal.write.chain import OpenSegment
from gateway.journal.write.commit_delay import Load

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Round:
    """One sync: everything up to a record. again: whether what it is for has to be written once more before it.

    lines: all of that, where they are kept. seconds: that it took.
    """

    segment: OpenSegment
    sequence: int
    start: int
    end: int
    again: bool
    lines: list[bytes]
    count: int
    copies: list[bytes]
    copied: int = 0
    began: float = 0.0
    seconds: float = 0.0
    error: OSError | None = None
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)


class Committer:
    """Makes the records of one chain durable, in rounds.

    underway: how many calls are under way, which will have a record to be synced.
    collect: called before each round, to append what was left for it.
    failed: told of each round that failed, on the event loop; until `repair` succeeded, nothing counts as durable.
    ended: called after each round that succeeded, while none is in progress.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep_lines: bool,
        underway: Callable[[], int],
        collect: Callable[[], None],
        failed: Callable[[OSError], None],
        ended: Callable[[], None],
    ) -> None:
        self._underway = underway
        self._collect = collect
        self._shared = 0
        self._load = Load()
        self._folder = folder
        self._keep_lines = keep_lines
        self._failed = failed
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._flusher = kernel_flusher(self._loop)
        self._segment: OpenSegment | None = None
        self._synced_size = 0
        self._last = 0
        self._lines: list[bytes] = []
        self._copies: list[tuple[int, bytes]] = []
        self._round: _Round | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._requested = False
        self._asked = 0.0
        self._closed = False
        self._suspect: str | None = None
        self.synced = 0
        self.syncs = 0
        self.seconds = 0.0
        self._copies_lock = threading.Lock()
        self._rounds: queue.SimpleQueue[_Round | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def take(self, segment: OpenSegment, sequence: int, *, synced: bool) -> None:
        """From now on records go to this segment. synced: whether all that is in it, up to `sequence`, is durable."""
        self._segment = segment
        self._last = sequence
        if synced:
            self.synced = sequence
            self._synced_size = segment.size
        else:
            self._synced_size = 0

    def added(self, line: bytes, sequence: int) -> None:
        """A record was appended, or several."""
        if self._keep_lines:
            self._lines.append(line)
        self._last = sequence

    def keep_copy(self, line: bytes, sequence: int) -> None:
        """Once this checkpoint is durable, add a copy of it to those beside the chain."""
        self._copies.append((sequence, line))

    @property
    def synced_all(self) -> bool:
        """Whether every record is durable."""
        return self.synced == self._last

    async def with_copies(self, change: Callable[[Path, int], None], folder: Path, upto: int) -> None:
        """Change the file of copies while none is added to it."""

        def locked() -> None:
            with self._copies_lock:
                change(folder, upto)

        await asyncio.to_thread(locked)

    def request(self) -> None:
        """Have everything synced soon, without waiting for it."""
        if not (self._requested or self._closed):
            self._requested = True
            self._asked = self._loop.time()
            if self._round is None:
                self._begin_later()

    async def wait(self, sequence: int) -> None:
        """Return when the record is durable; JournalUnavailable where it can't be made so."""
        if sequence > self.synced:
            self._check()
            await self._joined(sequence)

    def next_round(self) -> "asyncio.Future[None]":
        """Done when what is collected for the next round is durable. JournalUnavailable, at once or then."""
        self._check()
        return self._queued()

    async def repair(self) -> None:
        """After a failure: write again and sync; JournalUnavailable where that fails once more."""
        if self._suspect is not None or not self.synced_all:
            await self._joined(self._last)

    def sync_now(self) -> None:
        """What a round does, at once, while none is in progress; OSError where it fails."""
        round_ = self._snapshot()
        self._sync(round_)
        self._settle(round_)
        if round_.error is not None:
            raise round_.error

    async def close(self) -> None:
        """End what syncs, after a round in progress."""
        while self._round is not None:
            future = self._loop.create_future()
            self._round.waiting.append(future)
            with contextlib.suppress(JournalUnavailable):
                await future
        thread, self._thread = self._thread, None
        self._closed = True
        self._give_up_kernel()
        for late in self._waiting:
            if not late.done():
                late.set_exception(JournalUnavailable(CLOSED))
        if thread is not None:
            self._rounds.put(None)
            thread.join()

    def _check(self) -> None:
        if self._suspect is not None or self._closed:
            raise JournalUnavailable(self._suspect or CLOSED)

    def _joined(self, sequence: int) -> "asyncio.Future[None]":
        if self._round is None or sequence > self._round.sequence or self._suspect is not None:
            return self._queued()
        future = self._loop.create_future()
        self._round.waiting.append(future)
        return future

    def _queued(self) -> "asyncio.Future[None]":
        future = self._loop.create_future()
        self._waiting.append(future)
        self.request()
        return future

    def _begin_later(self) -> None:
        """Give those who will wait soon the chance to share the round.

        A call alone waits for nobody. Where the process has more to do than it can, all calls wait anyway.
        """
        alone = max(self._underway() + len(self._waiting), self._shared) <= 1
        left = 0.0 if alone else self._asked + self._load.patience() - self._loop.time()
        self._loop.call_later(max(0.0, left), self._begin)

    def _begin(self) -> None:
        if self._round is not None or not self._requested or self._closed:
            return
        self._requested = False
        try:
            self._collect()
        except Exception:  # noqa: BLE001 - a round always ends: all calls wait for it
            _log.exception("audit_round_incomplete", folder=str(self._folder))  # the calls concerned will fail
        round_ = self._round = self._snapshot()
        round_.waiting, self._waiting = self._waiting, []
        self._shared = len(round_.waiting)
        if _is_plain(round_) and self._begun_by_kernel(round_):
            return
        self._begin_on_thread(round_)

    def _begun_by_kernel(self, round_: _Round) -> bool:
        if self._flusher is None:
            return False
        round_.began = time.perf_counter()
        begun = self._flusher.begin(round_.segment.file, partial(self._flushed, round_))
        if not begun:
            _log.info("audit_syncs_by_thread", folder=str(self._folder), reason="the kernel refused")
            self._give_up_kernel()
        return begun

    def _flushed(self, round_: _Round, error: OSError | None) -> None:
        round_.seconds = time.perf_counter() - round_.began
        round_.error = error
        self._end(round_)

    def _give_up_kernel(self) -> None:
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None

    def _begin_on_thread(self, round_: _Round) -> None:
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="audit-journal", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            round_.error = OSError(errno.EAGAIN, "no thread can be had")
            self._loop.call_soon(self._end, round_)
        else:
            self._rounds.put(round_)

    def _snapshot(self) -> _Round:
        assert self._segment is not None
        count = len(self._lines)
        return _Round(
            self._segment,
            self._last,
            self._synced_size,
            self._segment.size,
            self._suspect is not None,
            self._lines[:] if self._suspect is not None else [],
            count,
            [line for _, line in self._copies],
        )

    def _work(self) -> None:
        """The thread: one round after another, until there is None."""
        while (round_ := self._rounds.get()) is not None:
            try:
                self._sync(round_)
            except Exception as error:  # noqa: BLE001 - a round always ends: all calls wait for it
                round_.error = OSError(errno.EIO, f"the sync failed: {type(error).__name__}")
            self._loop.call_soon_threadsafe(self._end, round_)

    def _sync(self, round_: _Round) -> None:
        """On either thread: touches nothing but the files and the round."""
        round_.began = time.perf_counter()
        segment = round_.segment
        try:
            if round_.again:
                segment.write_again(round_.start, round_.end, b"".join(round_.lines))
            if not segment.in_its_folder:
                raise FileNotFoundError(2, "the segment is gone from its folder", str(segment.path))
            os.fdatasync(segment.file)
            if not segment.named:
                sync_folder(self._folder)
                segment.named = True
        except OSError as error:
            round_.error = error
        round_.seconds = time.perf_counter() - round_.began
        if round_.error is None and round_.copies:
            # A copy that can't be written now is written with a later round; the record itself is durable.
            with contextlib.suppress(OSError):
                with self._copies_lock:
                    append_copies(self._folder, round_.copies)
                round_.copied = len(round_.copies)

    def _end(self, round_: _Round) -> None:
        self._round = None
        self._settle(round_)
        try:
            if round_.error is None:
                self._ended()
        finally:
            if self._requested:
                self._begin_later()

    def _settle(self, round_: _Round) -> None:
        """What came of a round, for the state and for those who wait."""
        if round_.error is None:
            self._suspect = None
            self.synced, self._synced_size = round_.sequence, round_.end
            self.syncs += 1
            self.seconds = round_.seconds
            del self._lines[: round_.count]
            del self._copies[: round_.copied]
            for future in round_.waiting:
                if not future.done():
                    future.set_result(None)
            return
        self._suspect = error_name(round_.error)
        self._requested = False
        waiting, self._waiting = [*round_.waiting, *self._waiting], []
        for future in waiting:
            if not future.done():
                future.set_exception(JournalUnavailable(self._suspect))
        self._failed(round_.error)


def _is_plain(round_: _Round) -> bool:
    """Whether there is nothing to do but an fdatasync."""
    if round_.again or round_.copies or not round_.segment.named:
        return False
    try:
        return round_.segment.in_its_folder
    except OSError:
        return False  # the thread will meet it again, and tell
