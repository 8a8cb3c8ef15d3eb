"""The schema of the index, and functions that create, open, and remove its files."""

import contextlib
import errno
import os
import sqlite3
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gateway.journal.format.durable_files import make_folder
from gateway.journal.format.regular_files import NotRegularFile

FILE_NAME: Final = "calls.sqlite"
REBUILD_REQUEST: Final = "rebuild"
"""A reader creates this file if the database is damaged. The indexer then builds a new database."""
_ROWS_VERSION: Final = 1
"""Increase it if a change makes different rows from the same events."""

_SIDE_FILES: Final = ("-wal", "-shm", "-journal")
_BUSY_SECONDS: Final = 5.0
_FREE_BYTES: Final = 1 << 30
_FREE_PART: Final = 20
"""The indexer writes only while at least 1 GiB or at least a 20th of the file system is free."""
LOG_BYTES: Final = 64 << 20
"""The size to which SQLite truncates the write-ahead log when it restarts the log."""

_TABLES: Final = """
-- journal: the ID of the journal. built: 1 after the index first contained the whole journal.
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- The last indexed record of each chain, and the position after it. time: milliseconds since 1970. unreadable: the
-- number of lines that are not valid records.
CREATE TABLE chains (
  id INTEGER PRIMARY KEY, folder TEXT UNIQUE, chain TEXT, segment INTEGER, offset INTEGER, sequence INTEGER, hash BLOB,
  time INTEGER, unreadable INTEGER
);

CREATE TABLE segments (id INTEGER PRIMARY KEY AUTOINCREMENT, chain INTEGER, start INTEGER, UNIQUE (chain, start));

-- Texts and lists of texts (JSON). segment: the newest segment that uses the text.
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT UNIQUE, segment INTEGER);

-- For each list of resources in `texts`: the digests of the texts that select it.
CREATE TABLE resource_keys (key BLOB, resources INTEGER, PRIMARY KEY (key, resources)) WITHOUT ROWID;

-- For each list of audit logs in `texts`: its members. members: how many it has.
CREATE TABLE log_members (log TEXT, logs INTEGER, members INTEGER, PRIMARY KEY (log, logs)) WITHOUT ROWID;

-- The audit records. time: milliseconds since 1970. sequence, last, hash: the first and the last journal record.
-- segment: that of the last record. request: 16 bytes, or the text if it is not a UUID; NULL for calls that were
-- recorded together. duration: microseconds. bucket: of the duration, see `buckets`.
CREATE TABLE calls (
  time INTEGER, chain INTEGER, sequence INTEGER, last INTEGER, hash BLOB, segment INTEGER, request, caller INTEGER,
  action INTEGER, resources INTEGER, logs INTEGER, policies INTEGER, peer INTEGER, caller_request TEXT, status INTEGER,
  reason INTEGER, outcome INTEGER, denied INTEGER, private INTEGER, duration INTEGER, bucket INTEGER, calls INTEGER,
  surface INTEGER,
  PRIMARY KEY (time, chain, sequence)
) WITHOUT ROWID;
-- Requests are grouped by segment, so that new ones change few pages. A lookup tries every segment.
CREATE INDEX calls_request ON calls (segment, request);
CREATE INDEX calls_caller ON calls (caller, time, chain, sequence);
CREATE INDEX calls_resources ON calls (resources, time, chain, sequence);
CREATE INDEX calls_denied ON calls (caller, time, chain, sequence) WHERE denied = 1;
CREATE INDEX calls_private ON calls (time, chain, sequence) WHERE private = 1;
CREATE INDEX calls_unsuccessful ON calls (outcome, time, chain, sequence) WHERE outcome <> 1;
CREATE INDEX calls_failed ON calls (status, time, chain, sequence) WHERE status <> 0;

-- The number of calls in each hour (UTC) and list of audit logs. hour: hours since 1970.
CREATE TABLE hours (hour INTEGER, logs INTEGER, calls INTEGER, PRIMARY KEY (hour, logs)) WITHOUT ROWID;

-- Calls by time unit and all columns but those of single calls, the peer, and the surface, derived from `calls`; see
-- `rollups`.
CREATE TABLE rollups (
  level INTEGER, start INTEGER, caller INTEGER, action INTEGER, resources INTEGER, logs INTEGER, status INTEGER,
  reason INTEGER, outcome INTEGER, denied INTEGER, private INTEGER, calls INTEGER, durations BLOB,
  PRIMARY KEY (level, start, caller, action, resources, logs, status, reason, outcome, denied, private)
) WITHOUT ROWID;
CREATE TABLE units (level INTEGER, start INTEGER, PRIMARY KEY (level, start)) WITHOUT ROWID;
CREATE TABLE stale_units (level INTEGER, start INTEGER, PRIMARY KEY (level, start)) WITHOUT ROWID;
"""


VERSION: Final = zlib.crc32(f"{_ROWS_VERSION}\n{_TABLES}".encode()) & 0x7FFFFFFF
"""Identifies the version of the rows and the tables. An index of another version is built again."""


class IndexUnusable(Exception):
    """The index does not exist, is damaged, or is of another version. The message says which."""


def index_file(folder: Path) -> Path:
    """Return the database file in the folder of an index."""
    return folder / FILE_NAME


def open_writer(folder: Path) -> sqlite3.Connection:
    """Open the index for writing; create it if it does not exist. Raises IndexUnusable, OSError, sqlite3.Error."""
    make_folder(folder)
    path = index_file(folder)
    _check_files(path)
    is_new = not path.exists()
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = {LOG_BYTES};"
            "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000;"
            "PRAGMA secure_delete = ON;"  # removed rows must not remain in free pages
        )
        if is_new:
            path.chmod(0o600)
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT")
        _check_version(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(
    folder: Path, interrupted: Callable[[], bool] | None = None, *, offline: bool = False
) -> sqlite3.Connection:
    """Open the index for reading. Raises IndexUnusable.

    interrupted: called regularly during a query; if it returns true, the query ends with sqlite3.OperationalError.
    offline: whether the indexer can be absent. SQLite then creates no files, unless there is a write-ahead log.
    """
    path = index_file(folder)
    try:
        _check_files(path)
        is_closed = offline and not path.with_name(path.name + _SIDE_FILES[0]).exists()
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_closed else ''}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except (OSError, sqlite3.Error) as error:
        raise IndexUnusable(f"the index cannot be opened: {error}") from None
    try:
        connection.executescript("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000")
        if interrupted is not None:
            connection.set_progress_handler(interrupted, _STEPS_PER_CHECK)
        _check_version(connection)
    except sqlite3.Error as error:
        connection.close()
        raise IndexUnusable(f"the index cannot be read: {error}") from None
    except BaseException:
        connection.close()
        raise
    return connection


_STEPS_PER_CHECK: Final = 50_000
"""The number of steps of SQLite's virtual machine (a few milliseconds) between two checks of `interrupted`."""


def remove(folder: Path) -> None:
    """Remove the files of an index. Readers that have opened it can continue to read."""
    path = index_file(folder)
    for name in (path.name, *(path.name + suffix for suffix in _SIDE_FILES), REBUILD_REQUEST):
        (folder / name).unlink(missing_ok=True)


def file_number(folder: Path) -> int | None:
    """Return a number that identifies the database file; None if it does not exist."""
    try:
        return index_file(folder).lstat().st_ino
    except FileNotFoundError:
        return None


def size(folder: Path) -> int:
    """Return the size of the files of the index in bytes."""
    path = index_file(folder)
    files = (path, *(path.with_name(path.name + suffix) for suffix in _SIDE_FILES))
    return sum(each.stat().st_size for each in files if each.exists())


def require_space(folder: Path) -> None:
    """Raise OSError if little space is free. The journal needs the rest: without space, the gateway rejects calls."""
    status = os.statvfs(folder)
    if status.f_bavail * status.f_frsize < min(_FREE_BYTES, status.f_blocks * status.f_frsize // _FREE_PART):
        raise OSError(errno.ENOSPC, "the disk is nearly full", str(folder))


def log_size(folder: Path) -> int:
    """Return the bytes of the write-ahead log."""
    path = index_file(folder)
    log = path.with_name(path.name + _SIDE_FILES[0])
    return log.stat().st_size if log.exists() else 0


def begin_log(connection: sqlite3.Connection) -> None:
    """Write the log into the database, and truncate it. Waits a moment for queries; does nothing if they go on."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def request_rebuild(folder: Path) -> None:
    """Request a new index from the indexer, because the current one is damaged."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(folder / REBUILD_REQUEST, flags, 0o600))


def rebuild_requested(folder: Path) -> bool:
    """Return whether a reader has requested a new index."""
    return (folder / REBUILD_REQUEST).exists()


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes; roll it back after an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def state(connection: sqlite3.Connection, name: str) -> object:
    """Return a value of the table `state`; None if there is none."""
    found = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return found[0] if found is not None else None


def set_state(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Set a value of the table `state`."""
    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))


def _check_files(path: Path) -> None:
    """Check that no file of the database is a link or a device: SQLite would follow it. Raises NotRegularFile."""
    for each in (path, *(path.with_name(path.name + suffix) for suffix in _SIDE_FILES)):
        try:
            if not stat.S_ISREG(each.lstat().st_mode):
                raise NotRegularFile(str(each))
        except FileNotFoundError:
            continue


def _check_version(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != VERSION:
        raise IndexUnusable(f"the index has version {found} instead of {VERSION}")
