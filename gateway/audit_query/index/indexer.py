"""The indexer, which keeps the index of a journal up to date. Only one process at a time writes an index.

Each turn does a limited amount of work in short transactions, so that readers and the gateway do not wait for it.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import structlog

from gateway.audit_query.index import removal, rollups, schema
from gateway.audit_query.index.call_writer import CallWriter
from gateway.audit_query.index.following import (
    UNREADABLE,
    ChainFollower,
    IndexContradictsJournal,
    chain_states,
    check_against_journal,
)
from gateway.audit_query.index.schema import IndexUnusable, transaction
from gateway.audit_query.index.texts import TextWriter
from gateway.journal.format import manifest
from gateway.journal.format.durable_files import make_folder
from gateway.journal.format.regular_files import open_file
from gateway.journal.format.segments import chain_folders

_IDLE_SECONDS: Final = 0.5
_LOCK: Final = "lock"
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HORIZON_MS: Final = 2000
"""When the index has caught up with the journal, rollups are built up to this time before now."""

_log = structlog.get_logger(__name__)


def run_indexer(directory: Path, folder: Path, stop: threading.Event) -> None:
    """Index the journal in `directory` into `folder` until `stop` is set. Raises OSError, sqlite3.Error."""
    make_folder(folder)
    lock = open_file(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        while not _locked(lock):
            if stop.wait(_IDLE_SECONDS):
                return
        while not stop.is_set():
            _run(directory, folder, stop)
    finally:
        os.close(lock)


def _run(directory: Path, folder: Path, stop: threading.Event) -> None:
    """Index until `stop` is set. If the index is not usable, remove it and return, so that it is built again."""
    try:
        indexer = Indexer.open(directory, folder)
        try:
            while not stop.is_set():
                if not indexer.turn():
                    stop.wait(_IDLE_SECONDS)
        finally:
            indexer.close()
    except (IndexUnusable, IndexContradictsJournal, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
            raise
        _log.warning("audit_index_removed", folder=str(folder), error=str(error))
        schema.remove(folder)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error means that the database is damaged. False for other errors, such as a full disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def journal_id(directory: Path) -> str:
    """Return the ID of a journal; empty for a journal of an older version without an ID."""
    try:
        found = manifest.load(directory)
    except (manifest.MalformedManifest, OSError):
        return ""
    return found.journal if found is not None else ""


class Indexer:
    """Writes an index. Use `Indexer.open`.

    starts: the first segment to index in a new index, by chain folder.
    """

    def __init__(
        self, directory: Path, folder: Path, connection: sqlite3.Connection, starts: Mapping[str, int]
    ) -> None:
        self._directory = directory
        self._folder = folder
        self._connection = connection
        self._starts = starts
        self._texts = TextWriter(connection)
        self._writer = CallWriter(connection, self._texts)
        self._followers: dict[str, ChainFollower] = {}
        self._log_limit = 2 * schema.LOG_BYTES
        self._file = schema.file_number(folder)
        self._problems: dict[str, object] = {
            folder: schema.state(connection, f"{UNREADABLE}{folder}") for folder in chain_states(connection)
        }

    @classmethod
    def open(cls, directory: Path, folder: Path, starts: Mapping[str, int] | None = None) -> Self:
        """Open or create the index, and check that the journal contains the last indexed records.

        Raises IndexUnusable, IndexContradictsJournal, OSError, sqlite3.Error.
        """
        connection = schema.open_writer(folder)
        try:
            check_index(directory, connection)
        except BaseException:
            connection.close()
            raise
        return cls(directory, folder, connection, starts or {})

    @property
    def bytes_read(self) -> int:
        """The number of bytes of records that this object has indexed."""
        return sum(follower.bytes_read for follower in self._followers.values())

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def turn(self) -> bool:
        """Do a limited amount of work. Return whether there is more work now.

        Raises IndexUnusable, IndexContradictsJournal, sqlite3.Error, OSError.
        """
        if schema.rebuild_requested(self._folder):
            raise IndexUnusable("a query detected that the index is damaged")
        if schema.file_number(self._folder) != self._file:
            raise IndexUnusable("the index was removed")
        self._update_journal_id()
        behind = [follower for follower in self._all_followers() if self._follow(follower)]
        if not behind and not any(self._problems.values()):
            self._mark_built()
        horizon = min((each.state.time for each in behind), default=time.time_ns() // 1_000_000 - _HORIZON_MS)
        self._limit_log()
        if self._remove():
            return True  # the next removal can make the same rollups stale again
        with transaction(self._connection):
            advanced = rollups.advance(self._connection, horizon)
        return bool(behind) or advanced

    def _follow(self, follower: ChainFollower) -> bool:
        """Index records of one chain. Return whether there may be more. If that is not possible, store the reason."""
        problem = None
        try:
            schema.require_space(self._folder)
            return follower.turn()
        except OSError as error:
            problem = error.strerror or str(error)
            return False
        finally:
            self._set_problem(follower.state.folder, problem)

    def _set_problem(self, folder: str, problem: str | None) -> None:
        if self._problems.get(folder) == problem:
            return
        self._problems[folder] = problem
        schema.set_state(self._connection, f"{UNREADABLE}{folder}", problem)
        if problem is not None:
            _log.warning("audit_index_chain_unreadable", folder=folder, error=problem)

    def _all_followers(self) -> list[ChainFollower]:
        for folder in chain_folders(self._directory) if self._directory.is_dir() else ():
            if folder.name not in self._followers:
                start = self._starts.get(folder.name)
                self._followers[folder.name] = ChainFollower(self._connection, self._writer, folder, start)
        return list(self._followers.values())

    def _limit_log(self) -> None:
        """Truncate the write-ahead log if it is large. SQLite does not do this while queries run without a pause."""
        size = schema.log_size(self._folder)
        if size >= self._log_limit:
            schema.begin_log(self._connection)
            # If queries take longer than SQLite waits, retry later, so that the index does not fall behind.
            self._log_limit = max(schema.log_size(self._folder), schema.LOG_BYTES) + schema.LOG_BYTES

    def _remove(self) -> bool:
        """Remove some rows whose records are no longer in the journal. Return whether there were any."""
        removed = False
        for state in chain_states(self._connection).values():
            with transaction(self._connection):
                removed |= removal.remove_step(self._connection, self._texts, self._directory / state.folder, state)
        return removed

    def _update_journal_id(self) -> None:
        """Store the ID of the journal. A gateway creates the ID shortly after the directory."""
        if not schema.state(self._connection, "journal") and (journal := journal_id(self._directory)):
            schema.set_state(self._connection, "journal", journal)

    def _mark_built(self) -> None:
        if not schema.state(self._connection, "built"):
            schema.set_state(self._connection, "built", 1)


def check_journal(directory: Path, connection: sqlite3.Connection) -> None:
    """Check that the index belongs to the journal in the directory. Raises IndexContradictsJournal."""
    known, present = schema.state(connection, "journal"), journal_id(directory)
    if known and present and known != present:
        raise IndexContradictsJournal(f"the index belongs to journal {known}, but the directory contains {present}")


def check_index(directory: Path, connection: sqlite3.Connection) -> None:
    """Check that the journal contains the last record of each chain in the index. Raises IndexContradictsJournal."""
    check_journal(directory, connection)
    for state in chain_states(connection).values():
        check_against_journal(directory / state.folder, state)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
