"""An AuditSource over records in memory."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from google.rpc import code_pb2

from gateway.audit_query.matching import matches
from gateway.audit_query.source import FoundRecord, Position, RecordPage, Scope, Summary
from keyway.v1 import audit_service_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import AuditCoverage, AuditDimension, AuditGroup, JournalRecord

_VALUES: Final[Mapping[AuditDimension.ValueType, Callable[[AuditRecord], str]]] = {
    contract.AUDIT_DIMENSION_CALLER: lambda record: record.caller,
    contract.AUDIT_DIMENSION_ACTION: lambda record: record.action,
    contract.AUDIT_DIMENSION_RESOURCE: lambda record: ", ".join(record.resources),
    contract.AUDIT_DIMENSION_STATUS: lambda record: code_pb2.Code.Name(record.status),
    contract.AUDIT_DIMENSION_DAY: lambda record: record.start_time.ToJsonString()[:10],
    contract.AUDIT_DIMENSION_REASON: lambda record: record.reason,
    contract.AUDIT_DIMENSION_PEER_ADDRESS: lambda record: record.peer_address,
}


class MemorySource:
    """Answers from `records`, in any order. events: the journal records of a call, by its receipt.

    pages: the sizes of the pages that were requested.
    """

    def __init__(self, records: Sequence[AuditRecord] = ()) -> None:
        self.records = list(records)
        self.events: dict[str, Sequence[JournalRecord]] = {}
        self.coverage = AuditCoverage(journals=["journal"], complete=True)
        self.omitted = 0
        self.pages: list[int] = []

    async def list(self, criteria: AuditFilter, scope: Scope, *, limit: int, after: Position | None) -> RecordPage:
        self.pages.append(limit)
        found = [
            record
            for record in sorted(self.records, key=_place, reverse=True)
            if matches(record, criteria) and (after is None or _place(record) < after)
        ]
        end = _place(found[limit - 1]) if len(found) > limit else None
        return RecordPage(found[:limit], end, self.omitted, self.coverage)

    async def get(self, scope: Scope, *, request_id: str = "", receipt: str = "") -> FoundRecord | None:
        for record in self.records:
            if (request_id and record.request_id == request_id) or (receipt and record.receipt == receipt):
                return FoundRecord(record, self.events.get(record.receipt, ()), self.coverage)
        return None

    async def summarize(
        self, criteria: AuditFilter, scope: Scope, *, group_by: Sequence[AuditDimension.ValueType], limit: int
    ) -> Summary:
        groups: dict[tuple[str, ...], list[AuditRecord]] = defaultdict(list)
        for record in self.records:
            if matches(record, criteria):
                groups[tuple(_VALUES[dimension](record) for dimension in group_by)].append(record)
        made = [
            AuditGroup(
                values=values,
                calls=sum(record.calls for record in found),
                denied_calls=sum(record.calls for record in found if record.denied),
            )
            for values, found in groups.items()
        ]
        made.sort(key=lambda group: -group.calls)
        return Summary(made[:limit], len(made) > limit, self.omitted, self.coverage)

    async def state(self) -> None:
        """Return nothing: there is no index."""

    async def close(self) -> None:
        pass


def _place(record: AuditRecord) -> Position:
    return Position(record.start_time.ToMicroseconds(), record.receipt)
