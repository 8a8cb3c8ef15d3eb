"""Removal of rows after retention removed their segments from the journal, in small steps."""

import sqlite3
from pathlib import Path
from typing import Final

from gateway.audit_query.index import rollups
from gateway.audit_query.index.call_writer import count_hours
from gateway.audit_query.index.following import ChainState
from gateway.audit_query.index.texts import TextWriter
from gateway.journal.format.segments import segment_starts

_ROWS: Final = 2000
"""The number of rows that one step removes."""


def remove_step(connection: sqlite3.Connection, texts: TextWriter, folder: Path, chain: ChainState) -> bool:
    """Remove some rows whose segment is no longer in the journal. Return whether there were any.

    Runs in the current transaction.
    """
    starts = segment_starts(folder) if folder.is_dir() else []
    oldest = min(starts, default=chain.position.segment + 1)
    segment = connection.execute(
        "SELECT id FROM segments WHERE chain = ? AND start < ? ORDER BY start LIMIT 1", (chain.id, oldest)
    ).fetchone()
    if segment is None:
        return False
    rows = connection.execute(
        "SELECT time, logs, calls, sequence FROM calls WHERE segment = ? LIMIT ?", (*segment, _ROWS)
    ).fetchall()
    connection.executemany(
        "DELETE FROM calls WHERE time = ? AND chain = ? AND sequence = ?",
        [(time, chain.id, sequence) for time, _, _, sequence in rows],
    )
    count_hours(connection, ((time, logs, -calls) for time, logs, calls, _ in rows))
    rollups.invalidate(connection, (row[0] for row in rows))
    if len(rows) < _ROWS:
        connection.execute("DELETE FROM segments WHERE id = ?", segment)
        texts.remove_unused()
    return True
