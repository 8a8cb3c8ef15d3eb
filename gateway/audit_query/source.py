"""The interface of the sources that answer audit queries.

Records and filters are messages of the contract. A source applies the filter and the scope. It does not check
permissions.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol, Self, TypeVar

from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import AuditCoverage, AuditDimension, AuditGroup, JournalRecord

GATEWAY_LOG: Final = "keyway:gateway"
"""The ID of the audit log of calls that name no provider or all providers."""

OTHER_LOGS: Final = "keyway:other"
"""The ID that represents the audit logs of all providers that are not configured, in policies."""

MAXIMUM_ANSWER_BYTES: Final = 2 * 1024 * 1024
"""A page ends after the record that reaches this size, and a summary after such a group: one call can name a thousand
resources, and clients receive messages of 4 MiB by default."""

_Row = TypeVar("_Row", AuditRecord, AuditGroup)
_SEQUENCE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Scope(NamedTuple):
    """The audit logs that a query may read.

    logs: their IDs; None means all. A record is in the scope if all of its logs are. counts_omitted: whether the answer
    counts the calls outside of the scope; false if the request names one log.
    """

    logs: frozenset[str] | None = None
    counts_omitted: bool = False


class Position(NamedTuple):
    """The position of a record in a list, which is sorted by start time and then by key, newest first.

    time: microseconds since 1970. key: a text by which the source sorts; unique among records with the same time.
    """

    time: int
    key: str

    @classmethod
    def of_record(cls, milliseconds: int, chain: str, sequence: int) -> Self:
        """Return the position of a call that began at a time and has this record in its chain."""
        return cls(milliseconds * 1000, f"{chain}:{sequence}")

    @property
    def record(self) -> tuple[str, int]:
        """The chain and the sequence number; 0 if the key names none, because callers can make tokens themselves."""
        chain, _, number = self.key.rpartition(":")
        return chain, int(number) if _SEQUENCE.fullmatch(number) else 0


@dataclass(slots=True)
class RecordPage:
    """A page of records, newest first. next: the position of the last record if there are more, or None."""

    records: Sequence[AuditRecord]
    next: Position | None
    omitted: int
    coverage: AuditCoverage


@dataclass(slots=True)
class FoundRecord:
    """One record with its journal records, oldest first."""

    record: AuditRecord
    journal_records: Sequence[JournalRecord]
    coverage: AuditCoverage


@dataclass(slots=True)
class Summary:
    """Groups of calls. truncated: whether there are more groups than the limit."""

    groups: Sequence[AuditGroup]
    truncated: bool
    omitted: int
    coverage: AuditCoverage


@dataclass(slots=True)
class IndexState:
    """The state of an index. pending: the number of journal records that are not indexed yet."""

    pending: int
    indexed: datetime | None
    size: int


class AuditSource(Protocol):
    """Answers queries. All methods raise GatewayError with AUDIT_QUERY_UNAVAILABLE or AUDIT_QUERY_TIMEOUT.

    Canceling a method stops the query.
    """

    async def list(self, criteria: AuditFilter, scope: Scope, *, limit: int, after: Position | None) -> RecordPage:
        """Return the records after a position, at most `limit`, and fewer if they reach MAXIMUM_ANSWER_BYTES."""
        ...

    async def get(self, scope: Scope, *, request_id: str = "", receipt: str = "") -> FoundRecord | None:
        """Return the record with this request ID, or the one of this receipt; None if there is none."""
        ...

    async def summarize(
        self, criteria: AuditFilter, scope: Scope, *, group_by: Sequence[AuditDimension.ValueType], limit: int
    ) -> Summary:
        """Return the largest groups, at most `limit`, and fewer if they reach MAXIMUM_ANSWER_BYTES."""
        ...

    async def state(self) -> IndexState | None:
        """Return the state of the index; None if the source has no index."""
        ...

    async def close(self) -> None:
        """Close files and connections."""
        ...


def fitting(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Yield the rows up to the one that reaches MAXIMUM_ANSWER_BYTES."""
    size = 0
    for row in rows:
        if size >= MAXIMUM_ANSWER_BYTES:
            return
        size += row.ByteSize()
        yield row
