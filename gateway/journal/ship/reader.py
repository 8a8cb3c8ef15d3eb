"""The reader of a chain for shipping: complete, verified, and durable records after the last shipped one.

A record is read only after a sync, so that a collector never has a record that the chain loses in a power failure.
Reads while the journal writes. Writes nothing.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.journal.format import manifest
from gateway.journal.format.cursor import Cursor
from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import MalformedRecord, Record
from gateway.journal.format.regular_files import open_file
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    StoredRecord,
    read_records,
    segment_path,
    segment_starts,
)
from gateway.journal.ship.otlp import Export, UnsupportedRecordError


class ChainBrokenError(Exception):
    """The next record does not follow the last shipped one. The message says where and why. An operator must act."""


@dataclass(slots=True)
class Batch:
    """Records to ship: the export that contains them, and the cursor after each."""

    export: Export
    ends: list[Cursor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ends)


class ChainReader:
    """Reads one chain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced = ChainPosition(0, 0)
        self._journal = ""

    def batch(self, cursor: Cursor | None, *, records: int, bytes_: int) -> Batch:
        """Return the next records: at most `records`, of at most `bytes_` bytes, but at least one if there is one.

        Blocks: reads files, and may wait for a sync. Raises ChainBrokenError or OSError.
        """
        batch = Batch(Export(self._journal_id()))
        try:
            _fill(batch, _records_after(self._folder, cursor), cursor, records, bytes_)
        except ChainBrokenError:
            if not batch:
                raise
        self._make_durable(end.position for end in batch.ends)
        return batch

    def _journal_id(self) -> str:
        """Return the ID of the journal; empty while there is no valid manifest. It never changes."""
        if not self._journal:
            with contextlib.suppress(manifest.MalformedManifest, OSError):
                found = manifest.load(self._folder.parent)
                self._journal = found.journal if found is not None else ""
        return self._journal

    def _make_durable(self, ends: Iterable[ChainPosition]) -> None:
        """Sync each segment that was read beyond its last sync. With `durability: os` the gateway does not."""
        for segment, offset in {end.segment: end.offset for end in ends}.items():
            if (segment, offset) <= self._synced:
                continue
            try:
                descriptor = open_file(segment_path(self._folder, segment), os.O_RDONLY)
            except FileNotFoundError:
                continue  # compressed, and therefore durable
            try:
                size = os.fstat(descriptor).st_size
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            if segment != self._synced.segment:
                sync_folder(self._folder)
            self._synced = ChainPosition(segment, size)


def _records_after(folder: Path, cursor: Cursor | None) -> Iterator[StoredRecord]:
    """Yield the records after the cursor. Retention may have removed the segment of the cursor."""
    try:
        yield from read_records(folder, _start_position(folder, cursor))
    except SegmentMissing as error:
        raise ChainBrokenError(f"the journal no longer contains the shipped records: {error}") from None
    except MalformedRecord as error:
        raise ChainBrokenError(f"invalid record: {error}") from None


def _start_position(folder: Path, cursor: Cursor | None) -> ChainPosition | None:
    if cursor is None:
        return None
    sequence = cursor.sequence + 1
    starts = segment_starts(folder)
    if cursor.position.segment in starts or sequence not in starts:
        return cursor.position
    return ChainPosition(sequence, 0)


def _fill(batch: Batch, candidates: Iterable[StoredRecord], cursor: Cursor | None, records: int, bytes_: int) -> None:
    """Add candidates up to the limits of `records` and `bytes_`. Raises ChainBrokenError for a broken chain."""
    size = 0
    for stored in candidates:
        record, position = stored.record, stored.position
        if fault := _fault(record, cursor):
            location = f"{position.segment:020}.jsonl, byte {position.offset}"
            raise ChainBrokenError(f"record {record.sequence} ({location}): {fault}")
        try:
            size += batch.export.add(record)
        except UnsupportedRecordError as error:
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
        return "the content does not match the hash"
    if cursor is None:
        return ""
    if record.chain != cursor.chain:
        return (
            f"the record belongs to chain {record.chain}, but chain {cursor.chain} was shipped up to {cursor.sequence}"
        )
    if (record.sequence, record.previous) != (cursor.sequence + 1, cursor.hash):
        return f"the record does not follow record {cursor.sequence}, which was shipped"
    return ""
