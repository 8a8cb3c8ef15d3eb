"""Writing the records of a started journal: calls' events in the room that is held for them, checkpoints, new segments.

Raises OSErrors as they come; what the journal does about them stands in `journal`.
"""

import asyncio
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalUnavailable, error_name
from gateway.journal.format.checkpoints import checkpoint_body
from gateway.journal.format.keys import SigningKey, signing_key
from gateway.journal.format.records import Kind, Receipt
from gateway.journal.settings import AuditSettings
from gateway.journal.write.group_commit import Committer
from gateway.journal.write.starting import Started, head_body, now_ms

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_ENVELOPE_BYTES: Final = 320
"""What a line has beside its body, at most."""
_MAXIMUM_HEAD_BYTES: Final = 2 << 20
"""Of the open intents at the head of a segment: a collector takes records of 4 MiB."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Call:
    """A call in progress: its intent, and the room that its outcome has. late: an outcome that could not be written."""

    intent: bytes
    room: int
    late: bytes | None = None


@dataclass(slots=True, eq=False)
class _Ending:
    """A call that ended, whose outcome waits to be made and written with others; then it has a receipt, or an error."""

    request_id: str
    make: Callable[[], bytes]
    receipt: Receipt | None = None
    error: Exception | None = None


class Writer:
    """The one writer of a chain. failed: told of errors that come to no caller: of syncs, checkpoints, new segments."""

    def __init__(self, started: Started, settings: AuditSettings, failed: Callable[[OSError], None]) -> None:
        self.chain = started.chain
        self.reserve = started.reserve
        self.removed = started.removed
        self.calls: dict[str, _Call] = {}
        self._endings: list[_Ending] = []
        self._open_bytes = 0
        self._settings = settings
        self._failed = failed
        self._key = started.key
        self._resources = started.resources
        self._unsigned = started.unsigned
        # What a run before left unsigned, and what the start added, is signed at once.
        self._checkpoint_due = self._unsigned > 0
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._checkpoint_where_due)
        self.committer = Committer(
            self.chain.folder,
            keep_lines=settings.durability == "fsync",
            underway=lambda: len(self.calls) - len(self._endings),
            collect=self._write_endings,
            failed=failed,
            ended=self._rotate_where_due,
        )
        self.committer.take(self.chain.segment, self.chain.sequence, synced=True)

    def append(self, kind: Kind, body: bytes) -> Receipt:
        """Add a record."""
        receipt, line = self.chain.append(kind, body)
        self._added(line, receipt.sequence)
        return receipt

    def intent(self, request_id: str, body: bytes, room: int) -> Receipt:
        """Add the event of a call that begins, and hold room for its outcome."""
        if request_id in self.calls:
            raise ValueError("this request has its intent already")
        room += _ENVELOPE_BYTES
        self.reserve.hold(room)
        try:
            receipt, line = self.chain.append("event", body)
        except OSError:
            self.reserve.release(room)
            raise
        self.calls[request_id] = _Call(body, room)
        self._open_bytes += len(body)
        self._added(line, receipt.sequence)
        return receipt

    def outcome(self, request_id: str, body: bytes) -> Receipt:
        """Add the event of a call that ended, on a full disk in the room held. Where it can't be, `mend` adds it."""
        call = self.calls[request_id]
        try:
            receipt, line = self._append_in_room(body)
        except OSError:
            call.late = body
            raise
        self._close(request_id)
        self._added(line, receipt.sequence)
        return receipt

    async def ended(self, request_id: str, make: Callable[[], bytes]) -> Receipt:
        """Add the event of a call that ended, in the next round, with those of others; return when it is durable.

        Where the round fails, or nobody waits for it any more, the outcome is written all the same. JournalUnavailable.
        KeyError for a request without an intent.
        """
        if request_id not in self.calls:
            raise KeyError(request_id)
        ending = _Ending(request_id, make)
        self._endings.append(ending)
        try:
            await self.committer.next_round()
        finally:
            if ending.receipt is None and ending.error is None:
                self._write_endings()
        if ending.error is not None:
            raise ending.error
        assert ending.receipt is not None
        return ending.receipt

    async def mend(self) -> None:
        """After errors: make durable what is written, allocate the reserve again, add what came late.

        JournalUnavailable, or OSError, where it is too early for that.
        """
        await self.committer.repair()
        if self.chain.segment.torn:
            self.chain.segment.cut()
        self.reserve.restore()
        for request_id, call in list(self.calls.items()):
            if call.late is not None:
                self.outcome(request_id, call.late)

    def checkpoint(self) -> None:
        """Sign the head, where something was written since that was done last."""
        self._checkpoint_due = False
        if self._unsigned == 0:
            return
        receipt, line = self.chain.append("checkpoint", checkpoint_body(self.chain.receipt, now_ms(), self._key))
        self._unsigned = 0
        self.committer.added(line, receipt.sequence)
        self.committer.keep_copy(line, receipt.sequence)
        self.committer.request()

    async def close(self) -> None:
        """Sync, and let go of all files."""
        try:
            await self.committer.close()
        finally:
            self.chain.segment.close()
            self._resources.close()

    def _write_endings(self) -> None:
        """The outcomes that were left for a round, in one write."""
        endings, self._endings = self._endings, []
        made: list[tuple[_Ending, bytes]] = []
        for ending in endings:
            try:
                made.append((ending, ending.make()))
            except Exception as error:  # noqa: BLE001 - a bug, told to the call that it belongs to
                ending.error = error
        if not made:
            return
        try:
            receipts, lines = self.chain.append_all("event", [body for _, body in made])
        except (OSError, ValueError):
            self._write_one_by_one(made)
            return
        for (ending, _), ending.receipt in zip(made, receipts, strict=True):
            self._close(ending.request_id)
        self._added(lines, receipts[-1].sequence, len(receipts))

    def _write_one_by_one(self, made: Sequence[tuple[_Ending, bytes]]) -> None:
        """In the room that is held for them, so that none fails for another's sake."""
        for ending, body in made:
            try:
                ending.receipt = self.outcome(ending.request_id, body)
            except OSError as error:
                self._failed(error)
                ending.error = JournalUnavailable(error_name(error))
            except ValueError as error:
                ending.error = error

    def _close(self, request_id: str) -> None:
        """The call has its outcome on record."""
        call = self.calls.pop(request_id)
        self._open_bytes -= len(call.intent)
        self.reserve.release(call.room)

    def _append_in_room(self, body: bytes) -> tuple[Receipt, bytes]:
        while True:
            try:
                return self.chain.append("event", body)
            except OSError as error:
                if error.errno not in _FULL or not self.reserve.give(len(body) + _ENVELOPE_BYTES):
                    raise

    def _added(self, line: bytes, sequence: int, records: int = 1) -> None:
        self.committer.added(line, sequence)
        self._unsigned += records
        if self._unsigned >= self._settings.checkpoint_records and not self._checkpoint_due:
            self._checkpoint_due = True
            self._loop.call_soon(self._checkpoint_where_due)
        if self.chain.segment.size >= self._settings.segment_bytes:
            self.committer.request()

    def _checkpoint_where_due(self) -> None:
        if self._checkpoint_due:
            self._told(self.checkpoint)

    def _rotate_where_due(self) -> None:
        """Not while the head would be too large to be shipped: large batches end, and the segment waits for that."""
        if self.chain.segment.size >= self._settings.segment_bytes and self._open_bytes <= _MAXIMUM_HEAD_BYTES:
            self._told(self._rotate)

    def _told(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._failed(error)

    def _rotate(self) -> None:
        """Go on in a new segment. The old one is durable first: only the newest ever has a torn line."""
        key = self._present_key()
        if key.public.id != self._key.public.id:
            self.checkpoint()
        if self.chain.segment.torn:
            self.chain.segment.cut()
        if not self.committer.synced_all:
            self.committer.sync_now()
        open_ = {request_id: call.intent for request_id, call in self.calls.items()}
        before, line = self.chain.begin_segment(head_body(open_, key, self.removed))
        if before is not None:
            before.close()
        self.committer.take(self.chain.segment, self.chain.sequence, synced=False)
        self.committer.added(line, self.chain.sequence)
        self._unsigned += 1
        if key.public.id != self._key.public.id:
            # The old key vouches for the new one, which the segment's head names.
            self.checkpoint()
            self._key = key
        self.committer.request()

    def _present_key(self) -> SigningKey:
        try:
            return signing_key(self._settings)
        except (OSError, ConfigError) as error:
            _log.warning("audit_signing_key_unreadable", error=str(error))
            return self._key
