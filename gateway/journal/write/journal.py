"""The audit journal of one worker: it accepts records, makes them durable, and reports whether it is available.

Runs on one event loop; only the syncs run elsewhere. It fails closed: after an error, it accepts no records until the
error is repaired, and retries the repair by itself. Independent of the content of events and of shipping.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import structlog

from gateway.config.base import ConfigError, content
from gateway.journal.errors import CLOSED, PASSING, JournalCorrupt, JournalUnavailable
from gateway.journal.format.cursor import Cursor
from gateway.journal.format.keys import JournalPublicKey, temporary_digest_key
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folder
from gateway.journal.settings import AuditSettings
from gateway.journal.write import confirmation, maintenance
from gateway.journal.write.availability import Availability, Outage
from gateway.journal.write.confirmation import Confirmation
from gateway.journal.write.disk_usage import DiskWatch
from gateway.journal.write.entries import Entry, OutcomeEntry
from gateway.journal.write.maintenance import Maintenance
from gateway.journal.write.registration import confirm
from gateway.journal.write.starting import StartedChain, UnknownOutcome, start
from gateway.journal.write.writer import Writer

_CHECKPOINT_SHARE: Final = 0.9
"""A checkpoint is requested after this share of the interval, so that it is durable before the interval ends."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JournalStats:
    """A snapshot for metrics.

    sequence: of the last record. unsynced: records that are not durable yet. sync_seconds: duration of the last sync.
    refused: records rejected so far. open: calls with an intent and without an outcome.
    """

    sequence: int = 0
    unsynced: int = 0
    bytes_written: int = 0
    syncs: int = 0
    sync_seconds: float = 0.0
    refused: int = 0
    open: int = 0


class Journal:
    """The journal of one worker. Use `Journal.open`.

    folder: the folder of its chain. failure: an error that only an operator can repair, or None.
    """

    def __init__(self, settings: AuditSettings, worker: int, unknown_outcome: UnknownOutcome, retry: float) -> None:
        self.folder: Final[Path] = chain_folder(settings.directory, worker)
        self.failure: JournalCorrupt | ConfigError | OSError | None = None
        self._settings = settings
        self._unknown_outcome = unknown_outcome
        self._retry_seconds = retry
        self._digest_key = content(settings.digest_key) or temporary_digest_key()
        self._writer: Writer | None = None
        self._availability = Availability(str(self.folder))
        self._maintenance = Maintenance(self.folder, settings, self._availability)
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, settings: AuditSettings, worker: int, *, unknown_outcome: UnknownOutcome, retry_seconds: float = 1.0
    ) -> Self:
        """Continue the worker's chain after recovery, or begin one.

        If the disk is full, read-only, or failing, the journal opens unavailable, and retries every `retry_seconds`.
        Raises JournalCorrupt if the chain does not verify, ConfigError for an invalid key, and other OSErrors.
        """
        journal = cls(settings, worker, unknown_outcome, retry_seconds)
        try:
            journal._adopt(start(settings, journal.folder, unknown_outcome))
        except OSError as error:
            if error.errno not in PASSING:
                raise
            journal._availability.fail(error)
        journal._spawn(journal._keep_repairing())
        journal._spawn(journal._keep_checkpointing())
        journal._spawn(journal._keep_confirming())
        journal._spawn(journal._keep_maintaining())
        return journal

    @property
    def available(self) -> bool:
        """Whether the journal accepts records."""
        return self._availability.outage is None

    @property
    def digest_key(self) -> bytes:
        """The key of the HMACs that replace secret values. Changes once, if the journal opens its directory late."""
        return self._digest_key

    @property
    def public_key(self) -> JournalPublicKey | None:
        """The public part of the signing key; None until the journal could open its directory."""
        return self._writer.records.key.public if self._writer is not None else None

    @property
    def stats(self) -> JournalStats:
        """The present statistics."""
        if (writer := self._writer) is None:
            return JournalStats(refused=self._availability.rejected)
        chain, group_commit = writer.chain, writer.group_commit
        return JournalStats(
            sequence=chain.sequence,
            unsynced=chain.sequence - group_commit.durable,
            bytes_written=chain.bytes_written,
            syncs=group_commit.flushes,
            sync_seconds=group_commit.seconds,
            refused=self._availability.rejected,
            open=len(writer.records.calls),
        )

    @property
    def disk(self) -> DiskWatch:
        """The disk usage of the chain, of all chains of the directory, and of their file system."""
        return self._maintenance.watch

    def on_availability(self, callback: Callable[[bool], None]) -> None:
        """Call `callback` with each change of `available`."""
        self._availability.on_change(callback)

    def append(self, entry: Entry) -> Receipt:
        """Write an entry, which is not durable yet. Raises JournalUnavailable.

        An intent also reserves disk space for its outcome. An outcome is accepted during an outage too; if it can't be
        written, it is written after the repair. KeyError for an outcome without an intent.
        """
        if self._availability.outage is not None and not isinstance(entry, OutcomeEntry):
            raise self._availability.rejection()
        assert self._writer is not None
        return self._writer.append(entry)

    async def commit(self, record: Receipt | OutcomeEntry) -> Receipt:
        """Return when a record is durable; with `durability: os`, when it is written. Raises JournalUnavailable.

        An outcome that is not appended yet is appended together with those of other calls, in the round that makes it
        durable.
        """
        assert self._writer is not None
        return await self._writer.commit(record)

    async def remove_shipped(self, cursor: Cursor) -> int:
        """Remove the segments before the cursor that retention does not keep; return how many."""
        return await self._maintenance.remove_shipped(self._writer, cursor) if self._writer is not None else 0

    async def close(self) -> None:
        """Stop: sign the head, make everything durable, and release the chain."""
        self._closing.set()
        self._maintenance.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if (writer := self._writer) is None:
            self._availability.close(CLOSED)
            return
        with contextlib.suppress(OSError, JournalUnavailable):
            if self.available:
                writer.append_checkpoint(stop=True)
            await writer.flush()
        head, durable = writer.chain.receipt, not writer.group_commit.pending
        self._availability.close(CLOSED)
        await writer.close()
        if durable:
            with contextlib.suppress(OSError, JournalCorrupt):
                await asyncio.to_thread(confirm, self._settings.directory, self.folder.name, head, writer.records.key)

    def _adopt(self, started: StartedChain) -> None:
        self._digest_key = started.digest_key
        self._writer = Writer(started, self._settings, self._availability)
        if started.disk_full is not None:
            self._availability.fail(started.disk_full)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("audit_journal_task_failed", exc_info=error)

    async def _pause(self, seconds: float) -> bool:
        """Wait; return False when the journal closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return not self._closing.is_set()

    async def _outage_begins(self) -> bool:
        """Wait for an outage; return False when the journal closes."""
        waits: set[asyncio.Task[Any]] = {
            asyncio.create_task(event.wait()) for event in (self._availability.lost, self._closing)
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self._closing.is_set()

    async def _keep_repairing(self) -> None:
        """Repair after each failure, until the journal closes or can't be repaired."""
        while await self._outage_begins():
            while self._availability.outage is not None and await self._pause(self._retry_seconds):
                try:
                    await self._repair(self._availability.outage)
                except JournalUnavailable:
                    continue
                except OSError as error:
                    if self._writer is None and error.errno not in PASSING:
                        self._keep_failure(error)
                        return
                except (JournalCorrupt, ConfigError) as error:
                    self._keep_failure(error)
                    return

    def _keep_failure(self, error: JournalCorrupt | ConfigError | OSError) -> None:
        """Keep a permanent error. The journal stays unavailable until an operator repairs it and restarts."""
        self.failure = error
        _log.critical("audit_journal_unusable", error=str(error))

    async def _repair(self, outage: Outage) -> None:
        if self._writer is None:
            self._adopt(await asyncio.to_thread(start, self._settings, self.folder, self._unknown_outcome))
        assert self._writer is not None
        await self._writer.repair()
        self._writer.append_internal("interruption", outage.body())
        self._availability.recover()

    async def _keep_confirming(self) -> None:
        confirming = Confirmation(self.folder)
        while await self._pause(confirmation.INTERVAL_SECONDS):
            if self._writer is not None and self.available:
                await confirming.run(self._writer)

    async def _keep_checkpointing(self) -> None:
        while await self._pause(self._settings.checkpoint_interval * _CHECKPOINT_SHARE):
            if self._writer is not None and self.available:
                try:
                    self._writer.append_checkpoint()
                except OSError as error:
                    self._availability.fail(error)

    async def _keep_maintaining(self) -> None:
        while True:
            await self._maintenance.run(self._writer)
            if not await self._pause(maintenance.INTERVAL_SECONDS):
                return
