"""The texts of the index: each text or list of texts is stored once, and rows refer to it by number.

A text remembers the newest segment that uses it, so that it is removed together with the last records that contain it.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from gateway.audit_query.rows import AUDIT_LOGS, resource_keys

_MAXIMUM_CACHED: Final = 50_000


class TextWriter:
    """Returns the numbers of texts, and adds new texts. Used within the transactions of the indexer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cached: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """Forget cached numbers, because texts were removed or a transaction was rolled back."""
        self._cached.clear()

    def text(self, text: str, segment: int) -> int:
        """Return the number of a text that a row of this segment uses."""
        return self._number(text, segment)[0]

    def policies(self, names: Iterable[str], segment: int) -> int:
        """Return the number of a list of policies."""
        return self._number(encoded(names), segment)[0]

    def resources(self, names: Iterable[str], segment: int) -> int:
        """Return the number of a list of resources."""
        number, is_new = self._number(encoded(names), segment)
        if is_new:
            keys = {key for name in names for key in resource_keys(name)}
            self._connection.executemany(
                "INSERT OR IGNORE INTO resource_keys VALUES (?, ?)", [(key_digest(key), number) for key in keys]
            )
        return number

    def logs(self, names: Sequence[str], segment: int) -> int:
        """Return the number of a list of audit logs. names: as in AuditRecord."""
        number, is_new = self._number(encoded(names), segment)
        if is_new:
            members = [(name.removeprefix(AUDIT_LOGS), number, len(names)) for name in names]
            self._connection.executemany("INSERT OR IGNORE INTO log_members VALUES (?, ?, ?)", members)
        return number

    def remove_unused(self, oldest: int) -> None:
        """Remove the texts that only segments before `oldest` use."""
        run = self._connection.execute
        old = "SELECT id FROM texts WHERE segment < ?"
        run(f"DELETE FROM resource_keys WHERE resources IN ({old})", (oldest,))
        run(f"DELETE FROM log_members WHERE logs IN ({old})", (oldest,))
        run("DELETE FROM texts WHERE segment < ?", (oldest,))
        self.forget()

    def _number(self, text: str, segment: int) -> tuple[int, bool]:
        """Return the number of a text, and whether the text is new."""
        number, newest = self._cached.get(text) or self._stored(text)
        is_new = number == 0
        if is_new:
            found = self._connection.execute(
                "INSERT INTO texts (text, segment) VALUES (?, ?) RETURNING id", (text, segment)
            ).fetchone()
            number, newest = found[0], segment
        elif newest < segment:
            self._connection.execute("UPDATE texts SET segment = ? WHERE id = ?", (segment, number))
            newest = segment
        if len(self._cached) >= _MAXIMUM_CACHED:
            self._cached.clear()
        self._cached[text] = number, newest
        return number, is_new

    def _stored(self, text: str) -> tuple[int, int]:
        found = self._connection.execute("SELECT id, segment FROM texts WHERE text = ?", (text,)).fetchone()
        return found if found is not None else (0, 0)


class TextReader:
    """Returns texts by their numbers."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, str] = {}

    def text(self, number: int) -> str:
        """Return a text; empty if it was removed meanwhile."""
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
