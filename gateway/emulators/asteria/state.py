"""The state of the emulated server in SQLite: users, sessions, two key stores, two trust stores.

Stores bytes: no plaintext passwords and no parsed certificates.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.emulators.database import Database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, salt BLOB NOT NULL, verifier BLOB NOT NULL, role TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    lifetime_seconds INTEGER NOT NULL, expires REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS key_stores (store TEXT PRIMARY KEY, sealed BLOB NOT NULL, csr BLOB);
CREATE TABLE IF NOT EXISTS authorities (
    position INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, alias TEXT NOT NULL,
    certificate BLOB NOT NULL, UNIQUE (store, alias)
);
"""
_TABLES: Final = ("sessions", "users", "key_stores", "authorities")


class Store(StrEnum):
    """The two halves of the API; each has a key store and a trust store."""

    SERVER = "server"
    CLIENT = "client"


class Role(StrEnum):
    """A user's basic right."""

    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class User:
    """A user; the password is stored as an scrypt verifier."""

    name: str
    salt: bytes
    verifier: bytes
    role: Role


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A login; `expires` is a POSIX timestamp."""

    id: str
    user: str
    role: Role
    lifetime_seconds: int
    expires: float


@dataclass(frozen=True, slots=True)
class StoredKeyStore:
    """An encrypted key store, and the CSR (DER) if it was created here."""

    sealed: bytes
    csr: bytes | None


@dataclass(frozen=True, slots=True)
class Authority:
    """A trusted certificate (DER) with the alias that the server assigned."""

    alias: str
    certificate: bytes


class AsteriaState:
    """All tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    def is_empty(self) -> bool:
        """Return whether the state is empty."""
        # The table names are the constants above.
        return not any(self._database.row(f"SELECT 1 FROM {table} LIMIT 1") for table in _TABLES)  # noqa: S608

    def clear(self) -> None:
        """Delete everything."""
        with self._database.transaction():
            for table in _TABLES:
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608

    def put_user(self, user: User) -> None:
        """Add a user, or replace one and end its sessions."""
        with self._database.transaction():
            self._database.execute("DELETE FROM users WHERE name = ?", user.name)
            self._database.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?)", user.name, user.salt, user.verifier, user.role
            )

    def user(self, name: str) -> User | None:
        """Return the user with this name, or None."""
        row = self._database.row("SELECT name, salt, verifier, role FROM users WHERE name = ?", name)
        return None if row is None else User(row["name"], row["salt"], row["verifier"], Role(row["role"]))

    def users(self) -> list[User]:
        """Return all users, by name."""
        rows = self._database.rows("SELECT name, salt, verifier, role FROM users ORDER BY name")
        return [User(row["name"], row["salt"], row["verifier"], Role(row["role"])) for row in rows]

    def add_session(self, session: StoredSession, *, now: float) -> None:
        """Start a session, and delete expired sessions."""
        with self._database.transaction():
            self._database.execute("DELETE FROM sessions WHERE expires <= ?", now)
            self._database.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)",
                session.id, session.user, session.lifetime_seconds, session.expires,
            )  # fmt: skip

    def renew_session(self, session_id: str, *, now: float) -> StoredSession | None:
        """Return the session if it has not expired, and restart its lifetime."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE sessions SET expires = ? + lifetime_seconds WHERE id = ? AND expires > ?", now, session_id, now
            )
            row = self._database.row(
                "SELECT id, user, role, lifetime_seconds, expires FROM sessions JOIN users ON user = name"
                " WHERE id = ? AND expires > ?", session_id, now,
            )  # fmt: skip
        if row is None:
            return None
        return StoredSession(row["id"], row["user"], Role(row["role"]), row["lifetime_seconds"], row["expires"])

    def end_session(self, session_id: str) -> None:
        """Delete a session."""
        self._database.execute("DELETE FROM sessions WHERE id = ?", session_id)

    def key_store(self, store: Store) -> StoredKeyStore | None:
        """Return the content of the key store, or None."""
        row = self._database.row("SELECT sealed, csr FROM key_stores WHERE store = ?", store)
        return None if row is None else StoredKeyStore(row["sealed"], row["csr"])

    def put_key_store(self, store: Store, content: StoredKeyStore) -> None:
        """Replace the content of the key store."""
        self._database.execute("REPLACE INTO key_stores VALUES (?, ?, ?)", store, content.sealed, content.csr)

    def delete_key_store(self, store: Store) -> None:
        """Empty the key store, including the CSR."""
        self._database.execute("DELETE FROM key_stores WHERE store = ?", store)

    def authorities(self, store: Store) -> list[Authority]:
        """Return all certificates of a trust store, oldest first."""
        rows = self._database.rows(
            "SELECT alias, certificate FROM authorities WHERE store = ? ORDER BY position", store
        )
        return [Authority(row["alias"], row["certificate"]) for row in rows]

    def authority(self, store: Store, alias: str) -> Authority | None:
        """Return one trusted certificate."""
        row = self._database.row(
            "SELECT alias, certificate FROM authorities WHERE store = ? AND alias = ?", store, alias
        )
        return None if row is None else Authority(row["alias"], row["certificate"])

    def add_authorities(self, store: Store, authorities: list[Authority]) -> None:
        """Add trusted certificates."""
        with self._database.transaction():
            for authority in authorities:
                self._database.execute(
                    "INSERT INTO authorities (store, alias, certificate) VALUES (?, ?, ?)",
                    store, authority.alias, authority.certificate,
                )  # fmt: skip

    def delete_authority(self, store: Store, alias: str) -> bool:
        """Remove a trusted certificate; return whether it existed."""
        return self._database.execute("DELETE FROM authorities WHERE store = ? AND alias = ?", store, alias) > 0
