"""The record writer of one chain: events in reserved disk space, checkpoints, and new segments.

Adds every record that it writes to the pending records of the group commit. Passes OSErrors on. Does not
decide when records become durable.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from gateway.journal.errors import DISK_FULL, JournalCorrupt, JournalUnavailable, error_name
from gateway.journal.format.checkpoints import checkpoint_body
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.records import Kind, Receipt
from gateway.journal.settings import AuditSettings
from gateway.journal.write.clock import now_ms
from gateway.journal.write.entries import IntentEntry, OutcomeEntry
from gateway.journal.write.group_commit import GroupCommit
from gateway.journal.write.in_flight import ENVELOPE_BYTES, InFlightCalls
from gateway.journal.write.registration import adopt
from gateway.journal.write.signing_keys import successor
from gateway.journal.write.starting import StartedChain, segment_head_body

_MAXIMUM_HEAD_BYTES: Final = 2 << 20
"""The maximum size of the open intents in the head of a segment. A collector accepts records of 4 MiB."""

_log = structlog.get_logger(__name__)


class RecordWriter:
    """Writes the records of a started chain.

    removed: the last record that retention removed. key: the signing key.
    """

    def __init__(self, started: StartedChain, settings: AuditSettings, group_commit: GroupCommit) -> None:
        self.chain = started.chain
        self.removed = started.removed
        self.calls = InFlightCalls(started.reserve)
        self._group_commit = group_commit
        self._reserve = started.reserve
        self._settings = settings
        self.key = started.key
        self._journal = started.journal
        self._manifest = started.manifest
        self._unsigned = started.unsigned
        self._stopped = started.stopped
        # Sign the records that the last run left unsigned, and those that the start added.
        self._checkpoint_due = self._unsigned > 0

    @property
    def commit_due(self) -> bool:
        """Whether a checkpoint or a new segment is due, even if no caller waits."""
        return self._checkpoint_due or self.chain.segment.size >= self._settings.segment_bytes

    def append(self, kind: Kind, body: bytes) -> Receipt:
        """Write a record."""
        receipt, line = self.chain.append(kind, body)
        self._add(line, receipt.sequence)
        return receipt

    def append_intent(self, entry: IntentEntry) -> Receipt:
        """Write an intent, and reserve disk space for its outcome. ValueError for a second intent of a request."""
        if entry.request_id in self.calls:
            raise ValueError("the request already has an intent")
        self.calls.reserve(entry)
        try:
            receipt = self.append("event", entry.body)
        except OSError:
            self.calls.release(entry)
            raise
        self.calls.add(entry)
        return receipt

    def append_outcome(self, entry: OutcomeEntry) -> Receipt:
        """Write an outcome; on a full disk, in the reserved space. KeyError for a request without an intent.

        On an OSError the outcome is kept, and `append_late_outcomes` writes it.
        """
        if entry.request_id not in self.calls:
            raise KeyError(entry.request_id)
        return self._append_outcome(entry.request_id, entry.make())

    def append_outcomes(self, entries: Sequence[OutcomeEntry]) -> OSError | None:
        """Make and write outcomes in one write; set `receipt` or `error` of each. Returns the first write error."""
        made: list[tuple[OutcomeEntry, bytes]] = []
        for entry in entries:
            try:
                made.append((entry, entry.make()))
            except Exception as error:  # noqa: BLE001 - a bug in one call must not fail the others
                entry.error = error
        if not made:
            return None
        try:
            receipts, lines = self.chain.append_all("event", [body for _, body in made])
        except (OSError, ValueError):
            return self._append_one_by_one(made)
        for (entry, _), entry.receipt in zip(made, receipts, strict=True):
            self.calls.remove(entry.request_id)
        self._add(lines, receipts[-1].sequence, len(receipts))
        return None

    def append_late_outcomes(self) -> None:
        """After an error: allocate the reserve again, and write the outcomes that could not be written."""
        if self.chain.segment.torn:
            self.chain.segment.cut()
        self._reserve.restore()
        for request_id, body in list(self.calls.late.items()):
            self._append_outcome(request_id, body)

    def append_removal(self, body: bytes) -> None:
        """Write the record of a removal, and sign it; on a full disk, in the reserved space."""
        receipt, line = self._append_in_reserve("retention", body)
        self._add(line, receipt.sequence)
        self.append_checkpoint(in_reserve=True)

    def append_checkpoint(self, *, stop: bool = False, in_reserve: bool = False) -> bool:
        """Sign the head of the chain. Returns False if no record was written since the last checkpoint.

        stop: whether this is a clean stop, which the last checkpoint of the chain must say. in_reserve: whether it can
        use the reserved space.
        """
        self._checkpoint_due = False
        if self._unsigned == 0 and (self._stopped or not stop):
            return False
        version = self._manifest.update(self.key.public)
        body = checkpoint_body(self.chain.receipt, now_ms(), self.key, manifest=version, stop=stop)
        append = self._append_in_reserve if in_reserve else self.chain.append
        receipt, line = append("checkpoint", body)
        self._unsigned = 0
        self._stopped = stop
        self._group_commit.add_checkpoint(line, receipt.sequence)
        return True

    def append_checkpoint_if_due(self) -> None:
        """Sign the head of the chain, if enough records were written since the last checkpoint."""
        if self._checkpoint_due:
            self.append_checkpoint()

    def begin_segment_if_full(self) -> bool:
        """Begin a new segment, if the present one is full. Returns whether it did.

        While many large intents are open, the head of a new segment would be too large to ship. Then the segment grows
        until enough of these calls end. After the checkpoint of a clean stop, the next start begins the segment.
        """
        if self.chain.segment.size < self._settings.segment_bytes or self.calls.intent_bytes > _MAXIMUM_HEAD_BYTES:
            return False
        if self._stopped and self._unsigned == 0:
            return False
        self._begin_segment()
        return True

    def _append_outcome(self, request_id: str, body: bytes) -> Receipt:
        try:
            receipt, line = self._append_in_reserve("event", body)
        except OSError:
            self.calls.late[request_id] = body
            raise
        self.calls.remove(request_id)
        self._add(line, receipt.sequence)
        return receipt

    def _append_in_reserve(self, kind: Kind, body: bytes) -> tuple[Receipt, bytes]:
        while True:
            try:
                return self.chain.append(kind, body)
            except OSError as error:
                if error.errno not in DISK_FULL or not self._reserve.free_blocks(len(body) + ENVELOPE_BYTES):
                    raise

    def _append_one_by_one(self, made: Sequence[tuple[OutcomeEntry, bytes]]) -> OSError | None:
        """Write each outcome in its own reserved space, so that none fails because of another."""
        first: OSError | None = None
        for entry, body in made:
            try:
                entry.receipt = self._append_outcome(entry.request_id, body)
            except OSError as error:
                first = first or error
                entry.error = JournalUnavailable(error_name(error))
            except ValueError as error:
                entry.error = error
        return first

    def _add(self, lines: bytes, sequence: int, records: int = 1) -> None:
        self._group_commit.add(lines, sequence)
        self._unsigned += records
        if self._unsigned >= self._settings.checkpoint_records:
            self._checkpoint_due = True

    def _begin_segment(self) -> None:
        """Begin a new segment. First make the present one durable, so that only the newest can have a torn line."""
        key = self._present_key()
        replaces = self.key.public.id if key.public.id != self.key.public.id else None
        if replaces is not None:
            self.append_checkpoint()
        if self.chain.segment.torn:
            self.chain.segment.cut()
        if self._group_commit.pending:
            self._group_commit.flush_blocking()
        previous, line = self.chain.begin_segment(
            segment_head_body(self.calls.intents(), key, self.removed, journal=self._journal, replaces=replaces)
        )
        if previous is not None:
            previous.close()
        self._group_commit.begin_segment(self.chain.segment)
        self._group_commit.add(line, self.chain.sequence)
        self._unsigned += 1
        if replaces is not None:
            # The old key signs the segment head, which names the new key.
            self.append_checkpoint()
            self.key = key

    def _present_key(self) -> SigningKey:
        """The key for a new segment: the one in the file, if it may sign and could be adopted."""
        key = successor(self._settings, self.key)
        if key.public.id != self.key.public.id:
            try:
                adopt(self._settings.directory, key)
            except (OSError, JournalCorrupt) as error:
                _log.warning("audit_signing_key_not_adopted", error=str(error))
                return self.key
        return key
