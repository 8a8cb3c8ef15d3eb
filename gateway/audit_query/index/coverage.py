"""Coverage of the index: which records of the journal it contains."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.audit_query.index import schema
from gateway.audit_query.index.following import UNREADABLE, ChainState, chain_states
from gateway.journal.format.records import MalformedRecord
from gateway.journal.format.segments import ChainPosition, chain_folders, open_segment, segment_path, segment_starts
from gateway.journal.format.tail import last_record
from keyway.v1.audit_service_pb2 import AuditCoverage


def coverage(connection: sqlite3.Connection, directory: Path) -> AuditCoverage:
    """Return the current coverage. Raises OSError."""
    journal = schema.state(connection, "journal")
    found = AuditCoverage(journals=[str(journal)] if journal else [])
    reasons = list(_problems(connection))
    found.incomplete_reason = "; ".join(reasons)
    found.complete = not reasons
    if (indexed := indexed_ms(connection, directory)) > 0:
        found.indexed_time.FromMilliseconds(indexed)
    return found


def indexed_ms(connection: sqlite3.Connection, directory: Path) -> int:
    """Return the time before which all records are indexed, in milliseconds since 1970. Raises OSError."""
    now = time.time_ns() // 1_000_000
    states = chain_states(connection)
    behind = (
        state.time if (state := states.get(folder.name)) is not None else 0
        for folder in chain_folders(directory)
        if not _is_complete(folder, states.get(folder.name))
    )
    return min((now, *behind))


def pending_records(connection: sqlite3.Connection, directory: Path) -> int:
    """Return the number of journal records that are not indexed. Raises OSError."""
    states = chain_states(connection)
    return sum(_pending(folder, states.get(folder.name)) for folder in chain_folders(directory))


def ends(directory: Path) -> dict[str, ChainPosition]:
    """Return the current end of each chain, by folder. Raises OSError."""
    found = ((folder.name, _end(folder)) for folder in chain_folders(directory))
    return {name: end for name, end in found if end is not None}


def _is_complete(folder: Path, state: ChainState | None) -> bool:
    try:
        end = _end(folder)
    except (OSError, MalformedRecord):
        return False
    return end is None or (state is not None and state.position >= end)


def _pending(folder: Path, state: ChainState | None) -> int:
    try:
        head = last_record(folder)
    except (OSError, MalformedRecord):
        return 0
    return max(0, head.sequence - (state.sequence if state is not None else 0)) if head is not None else 0


def _end(folder: Path) -> ChainPosition | None:
    starts = segment_starts(folder)
    if not starts:
        return None
    with open_segment(segment_path(folder, starts[-1]), buffering=0) as file:
        return ChainPosition(starts[-1], file.seek(0, os.SEEK_END))


def _problems(connection: sqlite3.Connection) -> Iterator[str]:
    if not schema.state(connection, "built"):
        yield "the index is being built"
    states = chain_states(connection)
    unreadable = sum(state.unreadable for state in states.values())
    if unreadable:
        yield f"{unreadable} lines or segments of the journal are damaged; verify the journal"
    for folder in states:
        if problem := schema.state(connection, f"{UNREADABLE}{folder}"):
            yield f"{folder} cannot be indexed: {problem}"
