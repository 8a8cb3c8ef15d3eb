"""Queries on a journal directory without a gateway, such as a copy of a journal.

If the index of the gateway contains all records of the journal, queries use it. Otherwise, an index is built in a
temporary directory. Nothing is written to the journal directory.
"""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.audit_query.index import schema
from gateway.audit_query.index.coverage import ends
from gateway.audit_query.index.following import IndexContradictsJournal, chain_states
from gateway.audit_query.index.indexer import Indexer, check_index
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.index.schema import IndexUnusable
from gateway.audit_query.source import AuditSource
from gateway.journal.format.lookup import segment_time
from gateway.journal.format.segments import ChainPosition, chain_folders, segment_starts

INDEX_FOLDER: Final = "index"
"""The default folder of the index, in the journal directory."""
_CATCH_UP_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.1


def open_offline(
    directory: Path,
    *,
    index: Path | None = None,
    since: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> AuditSource:
    """Return a source for a journal directory. `close` removes a temporary index. Blocks while it builds an index.

    index: the folder of the gateway's index. since: the earliest time of records that queries need; earlier records can
    be missing. progress: called with the number of bytes read so far. Raises FileNotFoundError if the directory
    contains no journal, and other OSErrors.
    """
    if not (folders := chain_folders(directory)):
        raise FileNotFoundError(2, "the directory contains no journal", str(directory))
    folder = index if index is not None else directory / INDEX_FOLDER
    if _covers(directory, folder):
        return LocalSource(directory, folder, offline=True)
    temporary = Path(tempfile.mkdtemp(prefix="keyway-audit-"))
    try:
        starts = {chain.name: start for chain in folders if (start := _first_segment(chain, since)) is not None}
        _build(directory, temporary, starts, progress)
    except BaseException:
        shutil.rmtree(temporary)
        raise
    return LocalSource(directory, temporary, closed=lambda: shutil.rmtree(temporary))


def _covers(directory: Path, folder: Path) -> bool:
    """Return whether an index contains all current records of the journal. Waits briefly for a running indexer."""
    needed = ends(directory)
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    while True:
        try:
            with closing(schema.open_reader(folder, offline=True)) as connection:
                check_index(directory, connection)
                states = chain_states(connection)
                is_built = bool(schema.state(connection, "built"))
        except (IndexUnusable, IndexContradictsJournal, sqlite3.Error, OSError):
            return False
        positions = {name: state.position for name, state in states.items()}
        if is_built and all(positions.get(name, ChainPosition(0, 0)) >= end for name, end in needed.items()):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)


def _first_segment(chain: Path, since: datetime | None) -> int | None:
    """Return the first segment that can contain records of this time or later; None for the oldest segment."""
    if since is None:
        return None
    found = None
    for start in segment_starts(chain):
        began = segment_time(chain, start)
        if began is None or began > since.timestamp() * 1000:
            break
        found = start
    return found


def _build(directory: Path, folder: Path, starts: Mapping[str, int], progress: Callable[[int], None] | None) -> None:
    indexer = Indexer.open(directory, folder, starts)
    try:
        while indexer.turn():
            if progress is not None:
                progress(indexer.bytes_read)
    finally:
        indexer.close()
