"""The interface of everything that answers queries about audit records.

Records and filters are messages of the contract. A source applies the filter and the scope; it decides nothing about
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
"""The ID of the audit log with the calls that name no provider, or all of them."""

OTHER_LOGS: Final = "keyway:other"
"""In policies, the ID that stands for the audit logs of all providers that are not configured."""

MAXIMUM_ANSWER_BYTES: Final = 2 * 1024 * 1024
"""A page ends after the record that reaches this size, and a summary after such a group: one call can name a thousand
resources, and clients receive messages of 4 MiB by default."""

_Row = TypeVar("_Row", AuditRecord, AuditGroup)
_SEQUENCE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Scope(NamedTuple):
    """The audit logs that a query may read, by ID. logs: None means all. A record must belong to these logs only.

    counts_omitted: whether the answer counts the calls outside of the scope. False if the caller asked for one log.
    """

    logs: frozenset[str] | None = None
    counts_omitted: bool = False


class Position(NamedTuple):
    """The place of a record in the order of a list: newest first, by start time and then by key.

    time: microseconds since 1970. key: any text that the source sorts by; unique among the records of one time.
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
    """The state of an index. pending: the number of journal records that it does not contain yet."""

    pending: int
    indexed: datetime | None
    size: int


class AuditSource(Protocol):
    """Answers queries. Every method raises GatewayError with AUDIT_QUERY_UNAVAILABLE or AUDIT_QUERY_TIMEOUT.

    A canceled query stops its work.
    """

    async def list(self, criteria: AuditFilter, scope: Scope, *, limit: int, after: Position | None) -> RecordPage:
        """Return the records after a position, at most `limit`, and fewer if they reach MAXIMUM_ANSWER_BYTES."""
        ...

    async def get(self, scope: Scope, *, request_id: str = "", receipt: str = "") -> FoundRecord | None:
        """Return the record with this request ID, or with a journal record of this receipt; None if there is none."""
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
