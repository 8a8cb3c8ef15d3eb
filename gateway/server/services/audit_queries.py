"""The query methods of AuditService: checks of requests, scopes, time limit, and page tokens.

A source answers the queries (`gateway.audit_query`). Policy decides which audit logs a caller may read.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from gateway.audit_query.source import GATEWAY_LOG, OTHER_LOGS, AuditSource, Position, Scope
from gateway.call_context import CallContext
from gateway.contract.resource_names import WILDCARD, provider_id
from gateway.errors import (
    AUDIT_RECORD_NOT_FOUND,
    PROVIDER_NOT_FOUND,
    GatewayError,
)
from gateway.server.services import paging
from gateway.server.services.audit_checks import check_get, check_list, check_summarize
from gateway.server.services.paging import PageTokens
from gateway.server.services.query_slots import QuerySlots, caller_of
from keyway.v1 import audit_service_pb2 as service

_DEFAULT_GROUPS: Final = 1000
_LATEST_MICROSECONDS: Final = 253_402_300_800_000_000


def _read_position(fields: Mapping[str, Any]) -> Position:
    return Position(paging.number(fields["time"], _LATEST_MICROSECONDS), paging.text(fields["key"]))


_TOKENS: Final = PageTokens(Position._asdict, _read_position)


@dataclass(frozen=True, slots=True)
class AuditQueries:
    """Lists, gets, and summarizes audit records. providers: the IDs of all configured providers."""

    source: AuditSource
    slots: QuerySlots
    providers: Collection[str]

    async def list_audit_records(
        self, request: service.ListAuditRecordsRequest, call: CallContext
    ) -> service.ListAuditRecordsResponse:
        """Return one page of records, newest first."""
        check_list(request)
        scope = self._scope(request.parent, call)
        listing = _listing(request, call)
        after = _TOKENS.decode(request.page_token, listing)
        limit = request.page_size or paging.DEFAULT_PAGE_SIZE
        page = await self.slots.run(call, lambda: self.source.list(request.filter, scope, limit=limit, after=after))
        return service.ListAuditRecordsResponse(
            records=page.records,
            next_page_token=_TOKENS.encode(page.next, listing) if page.next is not None else "",
            omitted_calls=page.omitted if scope.counts_omitted else 0,
            coverage=page.coverage,
        )

    async def get_audit_record(
        self, request: service.GetAuditRecordRequest, call: CallContext
    ) -> service.GetAuditRecordResponse:
        """Return one record. For a record that the caller may not read, the error is the same as for a missing one."""
        check_get(request)
        scope = self._scope(request.parent, call)
        found = await self.slots.run(
            call, lambda: self.source.get(scope, request_id=request.request_id, receipt=request.receipt)
        )
        if found is None:
            raise GatewayError(AUDIT_RECORD_NOT_FOUND, "there is no such audit record, or the caller may not read it")
        return service.GetAuditRecordResponse(
            record=found.record, journal_records=found.journal_records, coverage=found.coverage
        )

    async def summarize_audit_records(
        self, request: service.SummarizeAuditRecordsRequest, call: CallContext
    ) -> service.SummarizeAuditRecordsResponse:
        """Return the counts of records in groups."""
        check_summarize(request)
        scope = self._scope(request.parent, call)
        limit = request.max_groups or _DEFAULT_GROUPS
        summary = await self.slots.run(
            call, lambda: self.source.summarize(request.filter, scope, group_by=request.group_by, limit=limit)
        )
        return service.SummarizeAuditRecordsResponse(
            groups=summary.groups,
            truncated=summary.truncated,
            omitted_calls=summary.omitted if scope.counts_omitted else 0,
            coverage=summary.coverage,
        )

    def _scope(self, parent: str, call: CallContext) -> Scope:
        """Return the audit logs that a query may read. Raises PROVIDER_NOT_FOUND for a log that does not exist."""
        log = provider_id(parent)
        if log != WILDCARD:
            if log != GATEWAY_LOG and log not in self.providers:
                raise GatewayError(PROVIDER_NOT_FOUND, f"{parent} does not exist", resource=parent)
            return Scope(frozenset({log}))
        if call.providers is None or call.providers >= {*self.providers, GATEWAY_LOG, OTHER_LOGS}:
            return Scope()
        return Scope(call.providers - {OTHER_LOGS}, counts_omitted=True)


def _listing(request: service.ListAuditRecordsRequest, call: CallContext) -> str:
    """Return the text that identifies a list of one caller. A page token is valid only for the same text."""
    criteria: Message = request.filter
    return "\0".join((caller_of(call), request.parent, criteria.SerializeToString(deterministic=True).hex()))
