"""The state of Certificate Manager in SQLite: app keys, credentials, registered certificates, and their files.

Other modules check the rules of the API.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.emulators.certificate_manager.paging import ListQuery
from gateway.emulators.certificate_manager.pem import Facts
from gateway.emulators.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS app_keys (app_key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS access_keys (id TEXT PRIMARY KEY, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bearer_tokens (token TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS certificates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_key TEXT NOT NULL REFERENCES app_keys ON DELETE CASCADE,
    name TEXT NOT NULL,
    registered_authority TEXT,
    authority TEXT,
    signature_algorithm TEXT,
    domains TEXT NOT NULL DEFAULT '[]',
    file_creation_date TEXT,
    expiration_date TEXT,
    UNIQUE (app_key, name)
);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate_id INTEGER NOT NULL REFERENCES certificates ON DELETE CASCADE,
    name TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS files_by_certificate ON files (certificate_id);
"""
_TABLES = ("files", "certificates", "settings", "bearer_tokens", "access_keys", "app_keys")
_STRICT = "require_access_key_in_v1_2"
_CHECKS = "check_downloads"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A certificate's file with its uploaded name."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A registered certificate. `registered_authority`: the authority its files must have; None accepts any."""

    id: int
    name: str
    registered_authority: str | None
    facts: Facts


class CertificateManagerState:
    """One installation's objects."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    @property
    def is_empty(self) -> bool:
        """Whether this is a new, unseeded installation."""
        return all(self._database.row(f"SELECT 1 FROM {table} LIMIT 1") is None for table in _TABLES)  # noqa: S608

    def clear(self) -> None:
        """Delete everything."""
        with self._database.transaction():
            for table in _TABLES:
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the constant above

    # Credentials and settings

    def add_app_key(self, app_key: str) -> None:
        """Add an app key, unless it exists."""
        self._database.execute("INSERT OR IGNORE INTO app_keys VALUES (?)", app_key)

    def has_app_key(self, app_key: str) -> bool:
        """Return whether the app key is known."""
        return self._database.row("SELECT 1 FROM app_keys WHERE app_key = ?", app_key) is not None

    def app_keys(self) -> list[str]:
        """Return all app keys."""
        return [row["app_key"] for row in self._database.rows("SELECT app_key FROM app_keys ORDER BY rowid")]

    def put_access_key(self, key_id: str, secret: str) -> None:
        """Add a user access key, or change its secret."""
        self._database.execute("INSERT OR REPLACE INTO access_keys VALUES (?, ?)", key_id, secret)

    def access_key_secret(self, key_id: str) -> str | None:
        """Return a user access key's secret."""
        row = self._database.row("SELECT secret FROM access_keys WHERE id = ?", key_id)
        return None if row is None else str(row["secret"])

    def access_key_ids(self) -> list[str]:
        """Return all user access keys."""
        return [row["id"] for row in self._database.rows("SELECT id FROM access_keys ORDER BY rowid")]

    def add_bearer_token(self, token: str) -> None:
        """Add a bearer token."""
        self._database.execute("INSERT OR IGNORE INTO bearer_tokens VALUES (?)", token)

    def has_bearer_token(self, token: str) -> bool:
        """Return whether the bearer token is known."""
        return self._database.row("SELECT 1 FROM bearer_tokens WHERE token = ?", token) is not None

    @property
    def requires_access_key_in_v1_2(self) -> bool:
        """Whether v1.2 requires the access key headers, as v1.1 does."""
        return self._setting(_STRICT) == "true"

    def require_access_key_in_v1_2(self, required: bool) -> None:
        """Set whether v1.2 requires the access key headers."""
        self._set(_STRICT, "true" if required else "false")

    @property
    def checks_downloads(self) -> bool:
        """Whether a download fails with 52003 or 52005 if the stored file is broken or has expired."""
        return self._setting(_CHECKS) == "true"

    def check_downloads(self, checked: bool) -> None:
        """Set whether a download checks the stored file."""
        self._set(_CHECKS, "true" if checked else "false")

    @property
    def authority_certificate(self) -> str | None:
        """The root certificate of the default set in PEM, if the set was added."""
        return self._setting("authority_certificate")

    def set_authority_certificate(self, pem: str) -> None:
        """Store the root certificate of the default set."""
        self._set("authority_certificate", pem)

    def _setting(self, name: str) -> str | None:
        row = self._database.row("SELECT value FROM settings WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value)

    # Certificates and files

    def put_certificate(self, app_key: str, name: str, registered_authority: str | None) -> Certificate:
        """Register a certificate. An existing one keeps its position in the list; everything else is replaced."""
        self.add_app_key(app_key)
        self._database.execute(
            "INSERT INTO certificates (app_key, name, registered_authority) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (app_key, name) DO UPDATE SET registered_authority = ?3",
            app_key, name, registered_authority,
        )  # fmt: skip
        certificate = self.certificate(app_key, name)
        assert certificate is not None
        self.replace_files(certificate.id, [], Facts(authority=registered_authority))
        return certificate

    def replace_files(self, certificate_id: int, files: Sequence[StoredFile], facts: Facts) -> None:
        """Replace the files and facts of a certificate. Call it in a transaction."""
        self._database.execute("DELETE FROM files WHERE certificate_id = ?", certificate_id)
        for file in files:
            self._database.execute(
                "INSERT INTO files (certificate_id, name, content) VALUES (?, ?, ?)",
                certificate_id, file.name, file.content,
            )  # fmt: skip
        self._database.execute(
            "UPDATE certificates SET authority = ?, signature_algorithm = ?, domains = ?, file_creation_date = ?,"
            " expiration_date = ? WHERE id = ?",
            facts.authority, facts.signature_algorithm, json.dumps(facts.domains, ensure_ascii=False),
            _text(facts.file_creation_date), _text(facts.expiration_date), certificate_id,
        )  # fmt: skip

    def certificate(self, app_key: str, name: str) -> Certificate | None:
        """Return a registered certificate by its name."""
        row = self._database.row("SELECT * FROM certificates WHERE app_key = ? AND name = ?", app_key, name)
        return None if row is None else _certificate(row)

    def certificates(self, app_key: str, query: ListQuery, today: dt.date) -> tuple[int, list[Certificate]]:
        """Return the number of certificates that match the status, and the requested page in order of registration."""
        where = (
            " FROM certificates WHERE app_key = ?1 AND"
            " (?2 = 'ALL' OR (expiration_date IS NOT NULL AND expiration_date < ?3) = (?2 = 'EXPIRED'))"
        )
        filters = app_key, query.status.value, today.isoformat()
        counted = self._database.row(f"SELECT count(*) AS total{where}", *filters)
        assert counted is not None
        limit = -1 if query.everything else query.page_size
        offset = 0 if query.everything else query.page_size * (query.page_number - 1)
        rows = self._database.rows(f"SELECT *{where} ORDER BY id LIMIT ?4 OFFSET ?5", *filters, limit, offset)
        return counted["total"], [_certificate(row) for row in rows]

    def files(self, certificate_id: int) -> list[StoredFile]:
        """Return a certificate's files, oldest first."""
        rows = self._database.rows("SELECT * FROM files WHERE certificate_id = ? ORDER BY id", certificate_id)
        return [StoredFile(row["name"], row["content"]) for row in rows]


def _certificate(row: sqlite3.Row) -> Certificate:
    facts = Facts(
        row["authority"], row["signature_algorithm"], tuple(json.loads(row["domains"])),
        _date(row["file_creation_date"]), _date(row["expiration_date"]),
    )  # fmt: skip
    return Certificate(row["id"], row["name"], row["registered_authority"], facts)


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _text(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()
