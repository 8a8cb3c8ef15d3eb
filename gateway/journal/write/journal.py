"""The audit journal of one worker: takes the records of calls, says when they are durable, and whether it is available.

Everything here runs on one event loop, but for the sync, which is done elsewhere (`committing`). It fails closed:
after an error no record is taken until that is mended, which it tries by itself. Not responsible for what an event
says, nor for shipping.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog

from gateway.config.base import ConfigError
from gateway.journal.errors import CLOSED, PASSING, JournalCorrupt, JournalUnavailable, error_name
from gateway.journal.format.cursor import Cursor, load
from gateway.journal.format.keys import passing_digest_key
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folder
from gateway.journal.settings import AuditSettings
from gateway.journal.write import retention
from gateway.journal.write.availability import Availability, Outage
from gateway.journal.write.starting import Started, UnknownOutcome, now_ms, start
from gateway.journal.write.writer import Writer

_RETENTION_SECONDS: Final = 300.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JournalStats:
    """For metrics. unsynced: records that are not durable yet. sync_seconds: of the last sync. refused: in all."""

    sequence: int = 0
    unsynced: int = 0
    bytes_written: int = 0
    syncs: int = 0
    sync_seconds: float = 0.0
    refused: int = 0
    open: int = 0


class Journal:
    """See `open`. folder: where its chain is. failure: what keeps it unavailable for good, until a person has acted."""

    def __init__(self, settings: AuditSettings, worker: int, unknown_outcome: UnknownOutcome, retry: float) -> None:
        self.folder: Final[Path] = chain_folder(settings.directory, worker)
        self.failure: JournalCorrupt | ConfigError | OSError | None = None
        self._settings = settings
        self._unknown_outcome = unknown_outcome
        self._retry_seconds = retry
        self._durable = settings.durability == "fsync"
        self._digest_key = passing_digest_key(settings)
        self._writer: Writer | None = None
        self._availability = Availability(str(self.folder))
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, settings: AuditSettings, worker: int, *, unknown_outcome: UnknownOutcome, retry_seconds: float = 1.0
    ) -> Self:
        """Take the worker's chain, mend what a crash left, and be ready for records.

        Where the disk is full, read-only or failing it opens unavailable, and tries again each `retry_seconds`.
        JournalCorrupt where the chain does not verify; ConfigError for a bad key; other OSErrors as they are.
        """
        journal = cls(settings, worker, unknown_outcome, retry_seconds)
        try:
            journal._adopt(start(settings, journal.folder, unknown_outcome))
        except OSError as error:
            if error.errno not in PASSING:
                raise
            journal._fail(error)
        journal._spawn(journal._keep_checkpointing())
        if settings.ship is not None:
            journal._spawn(journal._keep_removing())
        return journal

    @property
    def available(self) -> bool:
        """Whether records are taken."""
        return self._availability.outage is None

    @property
    def digest_key(self) -> bytes:
        """Of the digests that stand for secret values. Changes once where the journal gets its directory late."""
        return self._digest_key

    @property
    def synced_sequence(self) -> int:
        """Up to which record all is durable."""
        return self._writer.committer.synced if self._writer is not None else 0

    @property
    def stats(self) -> JournalStats:
        """As of now."""
        if (writer := self._writer) is None:
            return JournalStats(refused=self._availability.refused)
        chain, committer = writer.chain, writer.committer
        return JournalStats(
            sequence=chain.sequence,
            unsynced=chain.sequence - committer.synced,
            bytes_written=chain.bytes_written,
            syncs=committer.syncs,
            sync_seconds=committer.seconds,
            refused=self._availability.refused,
            open=len(writer.calls),
        )

    def on_availability(self, callback: Callable[[bool], None]) -> None:
        """Have it called with each change of `available`."""
        self._availability.on_change(callback)

    def intent(self, request_id: str, body: bytes, room: int) -> Receipt:
        """Record what is about to be asked, and hold room for an outcome of so many bytes. JournalUnavailable."""
        writer = self._taking()
        try:
            return writer.intent(request_id, body, room)
        except OSError as error:
            self._fail(error)
            raise self._availability.refusal() from None

    def outcome(self, request_id: str, body: bytes) -> Receipt:
        """Record what came of a call, in the room that its intent holds. JournalUnavailable: it is not on record yet.

        Such an outcome is written when the journal is available again. KeyError for a request without an intent.
        """
        assert self._writer is not None
        try:
            return self._writer.outcome(request_id, body)
        except OSError as error:
            self._fail(error)
            raise JournalUnavailable(error_name(error)) from None

    async def ended(self, request_id: str, make: Callable[[], bytes]) -> Receipt:
        """As `outcome` and `synced`, of the event that `make` answers: where records are synced, together with others.

        JournalUnavailable: the outcome is not on record yet, or not durable.
        """
        if not self._durable:
            return self.outcome(request_id, make())
        assert self._writer is not None
        return await self._writer.ended(request_id, make)

    def note(self, body: bytes) -> Receipt:
        """Record an event that is neither the intent nor the outcome of a call. JournalUnavailable."""
        writer = self._taking()
        try:
            return writer.append("event", body)
        except OSError as error:
            self._fail(error)
            raise self._availability.refusal() from None

    async def synced(self, receipt: Receipt) -> None:
        """Return when the record is durable, at once where durability is left to the system. JournalUnavailable."""
        if self._durable:
            assert self._writer is not None
            await self._writer.committer.wait(receipt.sequence)

    async def remove_shipped(self, cursor: Cursor) -> int:
        """Remove the segments below the cursor that are older than the retention; answers how many."""
        if (writer := self._writer) is None or self._availability.outage is not None or cursor.chain != writer.chain.id:
            return 0
        before = now_ms() - round(self._settings.retention * 1000)
        removal = await asyncio.to_thread(retention.removable, self.folder, cursor, before)
        if removal is None or self._availability.outage is not None:
            return 0
        try:
            receipt = writer.append("retention", removal.body(now_ms()))
        except OSError as error:
            self._fail(error)
            return 0
        writer.removed = Receipt(writer.chain.id, removal.sequence, removal.hash)
        await writer.committer.wait(receipt.sequence)
        await asyncio.to_thread(retention.remove, self.folder, removal)
        await writer.committer.with_copies(retention.drop_copies, self.folder, removal.sequence)
        return len(removal.segments)

    async def close(self) -> None:
        """A clean stop: sign the head, sync everything, give the chain free."""
        self._closing.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if (writer := self._writer) is None:
            self._availability.ended(CLOSED)
            return
        with contextlib.suppress(OSError, JournalUnavailable):
            if self._availability.outage is None:
                writer.checkpoint()
            await writer.committer.repair()
        self._availability.ended(CLOSED)
        await writer.close()

    def _taking(self) -> Writer:
        if self._availability.outage is not None or self._writer is None:
            raise self._availability.refusal()
        return self._writer

    def _adopt(self, started: Started) -> None:
        self._digest_key = started.digest_key
        self._writer = Writer(started, self._settings, self._fail)

    def _fail(self, error: OSError) -> None:
        """Take no records from now on, until `_mend` succeeds."""
        if self._availability.outage is not None:
            return
        self._availability.lost(error_name(error))
        if not self._closing.is_set():
            self._spawn(self._keep_mending())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("audit_journal_task_failed", exc_info=error)

    async def _pause(self, seconds: float) -> bool:
        """False at once when the journal closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return not self._closing.is_set()

    async def _keep_mending(self) -> None:
        while self._availability.outage is not None and await self._pause(self._retry_seconds):
            try:
                await self._mend(self._availability.outage)
            except JournalUnavailable:
                continue
            except OSError as error:
                if self._writer is None and error.errno not in PASSING:
                    self._give_up(error)
                    return
            except (JournalCorrupt, ConfigError) as error:
                self._give_up(error)
                return

    def _give_up(self, error: JournalCorrupt | ConfigError | OSError) -> None:
        """A journal that could not be opened at the start, and now could, but for another reason can't be used."""
        self.failure = error
        _log.critical("audit_journal_unusable", error=str(error))

    async def _mend(self, outage: Outage) -> None:
        if self._writer is None:
            self._adopt(await asyncio.to_thread(start, self._settings, self.folder, self._unknown_outcome))
        assert self._writer is not None
        await self._writer.mend()
        self._writer.append("interruption", outage.body())
        self._writer.committer.request()
        self._availability.regained()

    async def _keep_checkpointing(self) -> None:
        while await self._pause(self._settings.checkpoint_interval):
            if self._writer is not None and self._availability.outage is None:
                try:
                    self._writer.checkpoint()
                except OSError as error:
                    self._fail(error)

    async def _keep_removing(self) -> None:
        while await self._pause(_RETENTION_SECONDS):
            try:
                if (cursor := load(self.folder)) is not None:
                    await self.remove_shipped(cursor)
            except (OSError, ValueError, JournalUnavailable) as error:
                _log.warning("audit_retention_failed", error=str(error))
