"""The writer of the table `calls` in the index, and of the counts that depend on it."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from gateway.audit_query.buckets import bucket
from gateway.audit_query.index import rollups
from gateway.audit_query.index.texts import TextWriter
from keyway.v1.audit_record_pb2 import AuditRecord

HOUR_MS: Final = 3_600_000
_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_INSERT: Final = f"INSERT OR REPLACE INTO calls VALUES ({', '.join('?' * 23)})"
_NO_BUCKET: Final = None


class Place(NamedTuple):
    """The position of a call in the journal.

    first, last: the sequence numbers of its first and last record. segment: the number of the segment with the last.
    """

    chain: int
    first: int
    last: int
    segment: int
    hash: bytes


class CallWriter:
    """Writes the rows of calls, within the transactions of the indexer."""

    def __init__(self, connection: sqlite3.Connection, texts: TextWriter) -> None:
        self._connection = connection
        self._texts = texts

    def write(self, calls: Iterable[tuple[AuditRecord, Place]], completed: Iterable[tuple[AuditRecord, Place]]) -> None:
        """Write rows. calls: new calls. completed: calls that replace the rows of pending calls."""
        added = [self._row(record, place) for record, place in calls]
        replaced = [self._row(record, place) for record, place in completed]
        self._connection.executemany(_INSERT, added)
        self._connection.executemany(_INSERT, replaced)
        count_hours(self._connection, ((row[0], row[10], row[21]) for row in added))
        rollups.invalidate(self._connection, (row[0] for rows in (added, replaced) for row in rows))

    def pending(self, chain: int) -> Iterator[tuple[str, int, int]]:
        """Return the calls of a chain that have no outcome yet: request ID, time, and sequence number of the intent."""
        found = self._connection.execute(
            "SELECT request, time, sequence FROM calls WHERE outcome = 4 AND outcome <> 1 AND chain = ?", (chain,)
        )
        return ((request_text(request), time, sequence) for request, time, sequence in found)

    def _row(self, record: AuditRecord, place: Place) -> tuple[Any, ...]:
        texts, segment = self._texts, place.segment
        has_duration = record.HasField("duration")
        duration = record.duration.seconds * 1_000_000 + record.duration.nanos // 1000 if has_duration else None
        return (
            start_ms(record),
            place.chain,
            place.first,
            place.last,
            place.hash,
            segment,
            request_key(record.request_id),
            texts.text(record.caller, segment),
            texts.text(record.action, segment),
            texts.resources(record.resources, segment),
            texts.logs(record.audit_logs, segment),
            texts.policies(record.policies, segment),
            texts.text(record.peer_address, segment),
            record.caller_request_id or None,
            record.status,
            texts.text(record.reason, segment),
            record.outcome,
            int(record.denied),
            int(record.private_material),
            duration,
            bucket(duration) if duration is not None else _NO_BUCKET,
            record.calls,
            texts.text(record.surface, segment),
        )


def start_ms(record: AuditRecord) -> int:
    """Return the start of a call in milliseconds since 1970. It is several times faster than `ToMilliseconds`."""
    return record.start_time.seconds * 1000 + record.start_time.nanos // 1_000_000


def request_key(request_id: str) -> bytes | str | None:
    """Return the key for a request ID: 16 bytes for a UUID, otherwise the text."""
    if not request_id:
        return None
    return bytes.fromhex(request_id.replace("-", "")) if _UUID.fullmatch(request_id) else request_id


def request_text(key: bytes | str | None) -> str:
    """Return the request ID of a key."""
    if not isinstance(key, bytes):
        return key or ""
    text = key.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def count_hours(connection: sqlite3.Connection, calls: Iterable[tuple[int, int, int]]) -> None:
    """Add calls to the counts of their hours. calls: time, audit logs, and number of calls, negative to subtract."""
    counts: Counter[tuple[int, int]] = Counter()
    for time, logs, number in calls:
        counts[time // HOUR_MS, logs] += number
    connection.executemany(
        "INSERT INTO hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
        [(hour, logs, number) for (hour, logs), number in counts.items()],
    )
    connection.executemany(
        "DELETE FROM hours WHERE hour = ? AND logs = ? AND calls <= 0",
        [key for key, number in counts.items() if number < 0],
    )
