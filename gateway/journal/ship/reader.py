"""What comes next in a chain: complete, durable records that follow from the last one shipped.

Nothing is shipped that a power cut could still take from the journal, or that does not verify: a collector never holds
what the chain does not. Reads while the journal writes; nothing here writes.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import MalformedRecord, Record
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    StoredRecord,
    read_records,
    segment_path,
    segment_starts,
)
from gateway.journal.ship.otlp import Export, NotCarriedError


class ChainBrokenError(Exception):
    """What comes next is not what has to come next; the message says where and why. Only a person can help."""


@dataclass(slots=True)
class Batch:
    """Records to ship: the export that holds them, and the place behind each."""

    export: Export = field(default_factory=Export)
    ends: list[Cursor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ends)


class Journal:
    """One chain, as the shipper reads it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced = ChainPosition(0, 0)

    def batch(self, cursor: Cursor | None, *, records: int, bytes_: int) -> Batch:
        """The next records, as many as fit but at least one; none where the end is reached.

        Blocks: reads files and may wait for the disk. OSError where the journal can't be read now.
        """
        batch = Batch()
        try:
            _fill(batch, _following(self._folder, cursor), cursor, records, bytes_)
        except ChainBrokenError:
            if not batch:
                raise
        self._make_durable(end.position for end in batch.ends)
        return batch

    def _make_durable(self, ends: Iterable[ChainPosition]) -> None:
        """Sync each segment that was read further than it is known to be synced; the gateway may do without."""
        for segment, offset in {end.segment: end.offset for end in ends}.items():
            if (segment, offset) <= self._synced:
                continue
            descriptor = os.open(segment_path(self._folder, segment), os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = os.fstat(descriptor).st_size
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            if segment != self._synced.segment:
                sync_folder(self._folder)
            self._synced = ChainPosition(segment, size)


def _following(folder: Path, cursor: Cursor | None) -> Iterator[StoredRecord]:
    """The records from the cursor on. Its segment may be gone, where retention has removed what was shipped."""
    try:
        yield from read_records(folder, _place(folder, cursor))
    except SegmentMissing as error:
        raise ChainBrokenError(f"what was shipped is no longer in the journal: {error}") from None
    except MalformedRecord as error:
        raise ChainBrokenError(f"a line of the journal is no record: {error}") from None


def _place(folder: Path, cursor: Cursor | None) -> ChainPosition | None:
    if cursor is None:
        return None
    following = cursor.sequence + 1
    starts = segment_starts(folder)
    if cursor.position.segment in starts or following not in starts:
        return cursor.position
    return ChainPosition(following, 0)


def _fill(batch: Batch, following: Iterable[StoredRecord], cursor: Cursor | None, records: int, bytes_: int) -> None:
    """Add records as long as each follows from the one before and the bounds allow."""
    size = 0
    for stored in following:
        record, position = stored.record, stored.position
        if fault := _fault(record, cursor):
            place = f"{position.segment:020}.jsonl, byte {position.offset}"
            raise ChainBrokenError(f"record {record.sequence} ({place}): {fault}")
        try:
            size += batch.export.add(record)
        except NotCarriedError as error:
            raise ChainBrokenError(f"record {record.sequence}: {error}") from None
        if batch and size > bytes_:
            batch.export.remove_last()
            return
        cursor = Cursor.after(record, stored.end)
        batch.ends.append(cursor)
        if len(batch) == records:
            return


def _fault(record: Record, cursor: Cursor | None) -> str:
    if not record.intact:
        return "its hash is not that of its content"
    if cursor is None:
        return ""
    if record.chain != cursor.chain:
        return f"it belongs to chain {record.chain}; chain {cursor.chain} was shipped up to {cursor.sequence}"
    if (record.sequence, record.previous) != (cursor.sequence + 1, cursor.hash):
        return f"it does not follow from record {cursor.sequence}, which was shipped"
    return ""
