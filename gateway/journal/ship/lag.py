"""Shipping lag: how far the cursor is behind the journal, for metrics of the gateway process.

Records that the collector acknowledged and may still lose count as not shipped. With steady traffic, the lag is
therefore at least the records of `rewind` seconds.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.journal.format.cursor import Cursor, CursorError, load
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.records import MalformedRecord, Record
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    chain_folders,
    read_records,
    segment_starts,
)
from gateway.journal.format.tail import last_record


class Lag(NamedTuple):
    """records: not shipped yet, or possibly lost by the collector. seconds: the age of the oldest of them."""

    records: int
    seconds: float


def shipping_lag(
    audit_directory: Path, folders: Iterable[Path] | None = None, key: JournalPublicKey | None = None
) -> Mapping[str, Lag]:
    """Return the lag by chain, for these chain folders or all. Leaves out chains that can't be read now.

    key: the signing key. A cursor that it did not sign counts as none.
    """
    found: dict[str, Lag] = {}
    try:
        folders = chain_folders(audit_directory) if folders is None else folders
    except OSError:
        return found
    for folder in folders:
        try:
            head = last_record(folder)
            if head is not None:
                found[head.chain] = _behind(folder, _cursor(folder, key), head)
        except (OSError, CursorError, MalformedRecord, SegmentMissing):
            continue
    return found


def _cursor(folder: Path, key: JournalPublicKey | None) -> Cursor | None:
    file = load(folder)
    return file.cursor if file is not None and (key is None or file.signed_by(key)) else None


def _behind(folder: Path, cursor: Cursor | None, head: Record) -> Lag:
    position = cursor.position if cursor is not None else None
    if cursor is not None and cursor.sequence + 1 in segment_starts(folder):
        position = ChainPosition(cursor.sequence + 1, 0)
    oldest = next(read_records(folder, position), None)
    if oldest is None:
        return Lag(0, 0.0)
    began = oldest.record.value().get("time")
    age = time.time() - began / 1000 if isinstance(began, int) else 0.0
    return Lag(max(0, head.sequence - oldest.record.sequence + 1), max(0.0, age))
