"""The writer of one journal chain: takes entries, and commits them in rounds.

A round appends the outcomes that wait, flushes all pending records, and begins a new segment if the present one is
full. The writer decides when a round begins; the group commit makes the records durable and returns the result.

The writer reports every failure to `Availability`, after which the journal repairs the writer.
"""

import asyncio
import errno

import structlog

from gateway.journal.errors import JournalUnavailable, error_name
from gateway.journal.format.records import Kind, Receipt
from gateway.journal.settings import AuditSettings
from gateway.journal.write.availability import Availability
from gateway.journal.write.commit_delay import CommitDelay
from gateway.journal.write.entries import Entry, IntentEntry, OutcomeEntry
from gateway.journal.write.group_commit import GroupCommit
from gateway.journal.write.record_writer import RecordWriter
from gateway.journal.write.starting import StartedChain

_log = structlog.get_logger(__name__)


class Writer:
    """The only writer of a chain. Runs on one event loop."""

    def __init__(self, started: StartedChain, settings: AuditSettings, availability: Availability) -> None:
        self.chain = started.chain
        self.group_commit = GroupCommit(
            self.chain.folder,
            self.chain.segment,
            self.chain.sequence,
            keep_lines=settings.durability == "fsync",
        )
        self.records = RecordWriter(started, settings, self.group_commit)
        self._durable = settings.durability == "fsync"
        self._availability = availability
        self._resources = started.resources
        self._loop = asyncio.get_running_loop()
        self._delay = CommitDelay()
        self._outcomes: list[OutcomeEntry] = []
        self._requested = False
        self._requested_at = 0.0
        self._next_round: asyncio.Future[None] | None = None
        self._closed = False
        if self.records.commit_due:
            self.request_commit()
        self._rounds = asyncio.create_task(self._run_rounds(), name="audit-writer")

    def append(self, entry: Entry) -> Receipt:
        """Write an entry. Raises JournalUnavailable.

        An outcome that can't be written now is kept, and written after the repair.
        """
        if isinstance(entry, OutcomeEntry):
            return self._append_outcome(entry)
        try:
            if isinstance(entry, IntentEntry):
                receipt = self.records.append_intent(entry)
            else:
                receipt = self.records.append("event", entry.body)
        except OSError as error:
            self._availability.fail(error)
            raise self._availability.rejection() from None
        if self.records.commit_due:
            self.request_commit()
        return receipt

    async def commit(self, record: Receipt | OutcomeEntry) -> Receipt:
        """Return when a record is durable. Raises JournalUnavailable if it can't be made durable.

        An outcome is made and written in the next round, together with those of other calls. If the round fails, or the
        caller is canceled, it is written immediately. KeyError for an outcome without an intent.
        """
        if isinstance(record, OutcomeEntry):
            return await self._commit_outcome(record)
        if self._durable:
            await self._durable_up_to(record.sequence)
        return record

    def append_internal(self, kind: Kind, body: bytes) -> Receipt:
        """Write a record of the journal itself, and request a round. Raises OSError."""
        receipt = self.records.append(kind, body)
        self.request_commit()
        return receipt

    def append_checkpoint(self, *, stop: bool = False) -> None:
        """Sign the head of the chain if necessary, and request a round for it. Raises OSError.

        stop: whether this is a clean stop.
        """
        if self.records.append_checkpoint(stop=stop):
            self.request_commit()

    def append_removal(self, body: bytes) -> None:
        """Write the record of a removal, sign it, and request a round. Raises OSError if the disk has no space left."""
        self.records.append_removal(body)
        self.request_commit()

    async def make_durable(self, sequence: int) -> None:
        """As `commit`, whatever the configured durability is."""
        await self._durable_up_to(sequence)

    async def flush(self) -> None:
        """Make all records durable, also after a failed sync. Raises JournalUnavailable."""
        if self.group_commit.pending:
            await (self.group_commit.joined(self.chain.sequence) or self._queued())

    async def repair(self) -> None:
        """After an error: make durable what is written, and write the outcomes that could not be written.

        Raises JournalUnavailable or OSError if the disk still fails.
        """
        await self.flush()
        self.records.append_late_outcomes()

    async def close(self) -> None:
        """Finish the round in progress, and close all files."""
        self._closed = True
        self._begin_round()
        try:
            await self._rounds
            self.group_commit.close()
        finally:
            self.chain.segment.close()
            self._resources.close()

    def request_commit(self) -> None:
        """Request a round, without waiting for it."""
        if self._requested or self._closed:
            return
        self._requested = True
        self._requested_at = self._loop.time()
        if self._next_round is not None:
            if self._is_alone:
                self._begin_round()
            else:
                self._schedule_round()

    def _append_outcome(self, entry: OutcomeEntry) -> Receipt:
        try:
            receipt = self.records.append_outcome(entry)
        except OSError as error:
            self._availability.fail(error)
            raise JournalUnavailable(error_name(error)) from None
        if self.records.commit_due:
            self.request_commit()
        return receipt

    async def _commit_outcome(self, entry: OutcomeEntry) -> Receipt:
        if not self._durable:
            return self._append_outcome(entry)
        if entry.request_id not in self.records.calls:
            raise KeyError(entry.request_id)
        self._outcomes.append(entry)
        try:
            self.group_commit.check()
            await self._queued()
        finally:
            if entry.receipt is None and entry.error is None:
                self._append_outcomes()
        if entry.error is not None:
            raise entry.error
        assert entry.receipt is not None
        return entry.receipt

    async def _durable_up_to(self, sequence: int) -> None:
        if sequence > self.group_commit.durable:
            self.group_commit.check()
            await (self.group_commit.joined(sequence) or self._queued())

    def _queued(self) -> "asyncio.Future[None]":
        future = self.group_commit.queued()
        self.request_commit()
        return future

    async def _run_rounds(self) -> None:
        """Commit one round after another, until the writer closes."""
        while await self._round_begins():
            try:
                await self._commit_round()
            except OSError as error:
                self._availability.fail(error)
                self._requested = self.group_commit.waiting > 0
            except Exception:  # noqa: BLE001 - logged with its traceback
                # A bug. Callers must not wait forever.
                _log.exception("audit_commit_failed", folder=str(self.chain.folder))
                self.group_commit.fail_waiting("EIO")
                self._availability.fail(OSError(errno.EIO, "the commit failed"))
                self._requested = False

    async def _round_begins(self) -> bool:
        """Wait until a round is due; return False when the writer closes."""
        if not self._closed:
            self._next_round = self._loop.create_future()
            if self._requested:
                self._schedule_round()
            await self._next_round
            self._next_round = None
        return not self._closed

    @property
    def _is_alone(self) -> bool:
        """Whether only one call is in flight, so that no other call can share a round with it."""
        calls = len(self.records.calls) - len(self._outcomes) + self.group_commit.waiting
        return calls <= 1 and self.group_commit.shared_by <= 1

    def _schedule_round(self) -> None:
        """Begin the round after the commit delay, counted from the first request, so that more callers share it.

        A call that is alone does not wait.
        """
        left = 0.0 if self._is_alone else self._requested_at + self._delay.seconds() - self._loop.time()
        self._loop.call_later(max(0.0, left), self._begin_round)

    def _begin_round(self) -> None:
        if self._next_round is not None and not self._next_round.done():
            self._next_round.set_result(None)

    async def _commit_round(self) -> None:
        self._requested = False
        try:
            self._append_outcomes()
            self.records.append_checkpoint_if_due()
        except OSError as error:
            self._availability.fail(error)
        except Exception:  # noqa: BLE001 - logged with its traceback
            # A bug. The calls concerned fail; the other calls still need their flush.
            _log.exception("audit_commit_incomplete", folder=str(self.chain.folder))
        await self.group_commit.flush()
        if self.records.begin_segment_if_full():
            self.request_commit()

    def _append_outcomes(self) -> None:
        """Write the outcomes that wait for a round, in one write."""
        outcomes, self._outcomes = self._outcomes, []
        if (error := self.records.append_outcomes(outcomes)) is not None:
            self._availability.fail(error)
