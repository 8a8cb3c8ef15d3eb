"""The texts of the index. Each text or list of texts is stored once, and rows refer to it by number.

A text remembers the newest segment that uses it, so that it is removed together with the last records that contain it.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import orjson

from gateway.audit_query.rows import AUDIT_LOGS, resource_keys

_MAXIMUM_CACHED: Final = 50_000
_TEXT_COLUMNS: Final = ("caller", "action", "resources", "logs", "policies", "peer", "reason")
"""The columns of `calls` that refer to texts."""
_Value: TypeAlias = str | tuple[str, ...]


class TextWriter:
    """Returns the numbers of texts, and adds new texts. Used within the transactions of the indexer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cached: dict[_Value, tuple[int, int]] = {}

    def forget(self) -> None:
        """Clear the cached numbers, because texts were removed or a transaction was rolled back."""
        self._cached.clear()

    def text(self, text: str, segment: int) -> int:
        """Return the number of a text that a row of this segment uses."""
        return self._number(text, segment)

    def policies(self, names: Iterable[str], segment: int) -> int:
        """Return the number of a list of policies."""
        return self._number(tuple(names), segment)

    def resources(self, names: Iterable[str], segment: int) -> int:
        """Return the number of a list of resources."""
        return self._number(tuple(names), segment, self._add_resource_keys)

    def logs(self, names: Iterable[str], segment: int) -> int:
        """Return the number of a list of audit logs. names: as in AuditRecord."""
        return self._number(tuple(names), segment, self._add_log_members)

    def remove_unused(self) -> None:
        """Remove the texts that no row uses. Older rows, of a chain with few calls, can outlive the newest segment."""
        run = self._connection.execute
        gone = "segment NOT IN (SELECT id FROM segments)"
        (newest,) = run(f"SELECT max(segment) FROM texts WHERE {gone}").fetchone()
        if newest is None:
            return
        used = " UNION ".join(f"SELECT {column} FROM calls WHERE segment < ?1" for column in _TEXT_COLUMNS)
        unused = [number for (number,) in run(f"SELECT id FROM texts WHERE {gone} AND id NOT IN ({used})", (newest,))]
        for table, column in (("resource_keys", "resources"), ("log_members", "logs"), ("texts", "id")):
            run(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (f"{unused}",))
        self.forget()

    def _add_resource_keys(self, names: Sequence[str], number: int) -> None:
        keys = {key for name in names for key in resource_keys(name)}
        self._connection.executemany(
            "INSERT OR IGNORE INTO resource_keys VALUES (?, ?)", [(key_digest(key), number) for key in keys]
        )

    def _add_log_members(self, names: Sequence[str], number: int) -> None:
        members = [(name.removeprefix(AUDIT_LOGS), number, len(names)) for name in names]
        self._connection.executemany("INSERT OR IGNORE INTO log_members VALUES (?, ?, ?)", members)

    def _number(self, value: _Value, segment: int, add: Callable[[Sequence[str], int], None] | None = None) -> int:
        """Return the number of a text or a list. add: adds the rows that depend on a list."""
        cached = self._cached.get(value)
        if cached is not None and cached[1] >= segment:
            return cached[0]
        number = self._stored(value if isinstance(value, str) else encoded(value), segment)
        if add is not None:
            add(value, number)
        if len(self._cached) >= _MAXIMUM_CACHED:
            self._cached.clear()
        self._cached[value] = number, segment
        return number

    def _stored(self, text: str, segment: int) -> int:
        """Return the number of a text in the table, which then names this segment or a newer one."""
        self._connection.execute(
            "INSERT INTO texts (text, segment) VALUES (?, ?)"
            " ON CONFLICT (text) DO UPDATE SET segment = max(segment, excluded.segment)",
            (text, segment),
        )
        (number,) = self._connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchone()
        return int(number)


class TextReader:
    """Returns texts by their numbers."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, str] = {}

    def text(self, number: int) -> str:
        """Return a text; empty if it has been removed."""
        if number not in self._known:
            found = self._connection.execute("SELECT text FROM texts WHERE id = ?", (number,)).fetchone()
            self._known[number] = found[0] if found is not None else ""
        return self._known[number]

    def texts(self, number: int) -> list[str]:
        """Return the items of a list."""
        text = self.text(number)
        return orjson.loads(text) if text else []


def encoded(names: Iterable[str]) -> str:
    """Return a list of texts as one text."""
    return orjson.dumps(list(names)).decode()


def key_digest(key: str) -> bytes:
    """Return the digest of a text that selects a resource."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
