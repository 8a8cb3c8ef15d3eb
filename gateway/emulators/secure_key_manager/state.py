"""The state of Secure Key Manager: app keys, credentials, key stores, secrets, keys, and their versions.

`access.py` and `routes.py` decide whether a caller may use an object.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from gateway.emulators.database import Database
from gateway.emulators.secure_key_manager.assumptions import FIRST_KEY_VERSION

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS app_keys (app_key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS user_access_keys (id TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bearer_tokens (token TEXT PRIMARY KEY, expires_at REAL);
CREATE TABLE IF NOT EXISTS key_stores (
    app_key TEXT NOT NULL REFERENCES app_keys, name TEXT NOT NULL,
    ipv4_addresses TEXT NOT NULL, mac_addresses TEXT NOT NULL, certificates TEXT NOT NULL,
    PRIMARY KEY (app_key, name));
CREATE TABLE IF NOT EXISTS items (
    app_key TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, key_store TEXT NOT NULL, state TEXT NOT NULL,
    secret TEXT,
    PRIMARY KEY (app_key, id), FOREIGN KEY (app_key, key_store) REFERENCES key_stores);
CREATE TABLE IF NOT EXISTS versions (
    app_key TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, material BLOB NOT NULL,
    PRIMARY KEY (app_key, id, number), FOREIGN KEY (app_key, id) REFERENCES items);
"""
# Children before their parents, for the foreign keys.
_TABLES = ("versions", "items", "key_stores", "app_keys", "user_access_keys", "bearer_tokens", "settings")
_FAILURES_AS_200 = "failures_as_200"


class Kind(StrEnum):
    """The kind of an object."""

    SECRET = "secret"  # noqa: S105 (a kind's name)
    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"


class KeyState(StrEnum):
    """The state of an object or a key version; only active ones can be used."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETION_SCHEDULED = "deletion_scheduled"


@dataclass(frozen=True, slots=True)
class KeyStore:
    """A key store with its authentication rules: each set that is not empty must contain the caller's value.

    MAC addresses are in lower case; certificates are SHA-256 fingerprints in lower-case hexadecimal.
    """

    app_key: str
    name: str
    ipv4_addresses: frozenset[str] = frozenset()
    mac_addresses: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """A secret or a key, without key material; `secret` is a secret's text."""

    app_key: str
    id: str
    kind: Kind
    key_store: str
    state: KeyState
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of a key. `material` is 32 bytes of AES, or PKCS#8 DER."""

    number: int
    state: KeyState
    material: bytes


class KeyManagerState:
    """The installation's tables. Changes belong inside `transaction`, which must not span an `await`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Transaction: all changes inside are applied, or none."""
        with self._database.transaction():
            yield

    def clear(self) -> None:
        """Delete everything."""
        with self.transaction():
            for table in _TABLES:
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 (the names are the tuple above)

    @property
    def failures_as_200(self) -> bool:
        """Whether failures have HTTP status 200, with the error only in the envelope."""
        return self._database.row("SELECT 1 FROM settings WHERE name = ?", _FAILURES_AS_200) is not None

    def set_failures_as_200(self, on: bool) -> None:
        """Set whether failures have HTTP status 200."""
        self._database.execute("DELETE FROM settings WHERE name = ?", _FAILURES_AS_200)
        if on:
            self._database.execute("INSERT INTO settings VALUES (?, ?)", _FAILURES_AS_200, "on")

    def has_app_key(self, app_key: str) -> bool:
        """Return whether a project has this app key."""
        return self._database.row("SELECT 1 FROM app_keys WHERE app_key = ?", app_key) is not None

    def app_keys(self) -> list[str]:
        """Return all app keys."""
        return [row["app_key"] for row in self._database.rows("SELECT app_key FROM app_keys ORDER BY app_key")]

    def add_app_key(self, app_key: str) -> None:
        """Add an app key, unless it exists."""
        self._database.execute("INSERT OR IGNORE INTO app_keys VALUES (?)", app_key)

    def has_user_access_key(self, identifier: str, secret: str) -> bool:
        """Return whether the ID exists and has this secret."""
        sql = "SELECT 1 FROM user_access_keys WHERE id = ? AND secret = ?"
        return self._database.row(sql, identifier, secret) is not None

    def put_user_access_key(self, identifier: str, secret: str) -> None:
        """Add or replace a user access key."""
        self._database.execute("INSERT OR REPLACE INTO user_access_keys VALUES (?, ?)", identifier, secret)

    def has_bearer_token(self, token: str, now: dt.datetime) -> bool:
        """Return whether the token is known and not expired."""
        sql = "SELECT 1 FROM bearer_tokens WHERE token = ? AND (expires_at IS NULL OR expires_at > ?)"
        return self._database.row(sql, token, now.timestamp()) is not None

    def put_bearer_token(self, token: str, expires_at: dt.datetime | None) -> None:
        """Add or replace a token; without `expires_at`, it does not expire."""
        expiry = expires_at.timestamp() if expires_at else None
        self._database.execute("INSERT OR REPLACE INTO bearer_tokens VALUES (?, ?)", token, expiry)

    def key_store(self, app_key: str, name: str) -> KeyStore | None:
        """Return the key store of this name."""
        row = self._database.row("SELECT * FROM key_stores WHERE app_key = ? AND name = ?", app_key, name)
        return _key_store(row) if row else None

    def key_stores(self) -> list[KeyStore]:
        """Return all key stores."""
        return [_key_store(row) for row in self._database.rows("SELECT * FROM key_stores ORDER BY app_key, name")]

    def put_key_store(self, store: KeyStore) -> None:
        """Add a key store, or replace its authentication rules."""
        self._database.execute(
            "INSERT INTO key_stores VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ipv4_addresses ="
            " excluded.ipv4_addresses, mac_addresses = excluded.mac_addresses, certificates = excluded.certificates",
            store.app_key,
            store.name,
            *(json.dumps(sorted(rules)) for rules in (store.ipv4_addresses, store.mac_addresses, store.certificates)),
        )

    def item(self, app_key: str, identifier: str) -> Item | None:
        """Return the secret or key of this id."""
        row = self._database.row("SELECT * FROM items WHERE app_key = ? AND id = ?", app_key, identifier)
        return _item(row) if row else None

    def items(self) -> list[Item]:
        """Return all secrets and keys."""
        return [_item(row) for row in self._database.rows("SELECT * FROM items ORDER BY app_key, kind, id")]

    def put_item(self, item: Item) -> None:
        """Add a secret or key, or replace its key store, state and secret text."""
        self._database.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " key_store = excluded.key_store, state = excluded.state, secret = excluded.secret",
            *(item.app_key, item.id, item.kind, item.key_store, item.state, item.secret),
        )

    def versions(self, item: Item) -> list[KeyVersion]:
        """Return a key's versions, oldest first."""
        sql = "SELECT * FROM versions WHERE app_key = ? AND id = ? ORDER BY number"
        return [_version(row) for row in self._database.rows(sql, item.app_key, item.id)]

    def version(self, item: Item, number: int | None) -> KeyVersion | None:
        """Return one version of a key; None means the current version."""
        versions = self.versions(item)
        if number is None:
            return versions[-1] if versions else None
        return next((version for version in versions if version.number == number), None)

    def add_version(self, item: Item, material: bytes, state: KeyState) -> None:
        """Add the key's next version, which becomes the current one."""
        current = self.version(item, None)
        number = FIRST_KEY_VERSION if current is None else current.number + 1
        self._database.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?)", item.app_key, item.id, number, state, material
        )

    def set_item_state(self, item: Item, state: KeyState) -> None:
        """Change the state of a secret or key."""
        sql = "UPDATE items SET state = ? WHERE app_key = ? AND id = ?"
        self._database.execute(sql, state, item.app_key, item.id)

    def set_version_state(self, item: Item, number: int, state: KeyState) -> bool:
        """Change the state of one version; False if the key has no such version."""
        sql = "UPDATE versions SET state = ? WHERE app_key = ? AND id = ? AND number = ?"
        return self._database.execute(sql, state, item.app_key, item.id, number) > 0


def _key_store(row: sqlite3.Row) -> KeyStore:
    rules = (frozenset(json.loads(row[column])) for column in ("ipv4_addresses", "mac_addresses", "certificates"))
    return KeyStore(row["app_key"], row["name"], *rules)


def _item(row: sqlite3.Row) -> Item:
    kind, state = Kind(row["kind"]), KeyState(row["state"])
    return Item(row["app_key"], row["id"], kind, row["key_store"], state, row["secret"])


def _version(row: sqlite3.Row) -> KeyVersion:
    return KeyVersion(row["number"], KeyState(row["state"]), row["material"])
