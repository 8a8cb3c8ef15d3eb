"""AuditService: audit queries, the state and the verification of the journal, and deliveries of secrets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.audit_query.settings import AuditSection
from gateway.audit_query.source import AuditSource
from gateway.audit_query.verification import JournalVerifier
from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.deliveries.ledger import DeliveryLedger
from gateway.errors import AUDIT_QUERY_NOT_CONFIGURED, GatewayError
from gateway.journal.write.journal import Journal
from gateway.server.method_handler import Operation
from gateway.server.services.audit_queries import AuditQueries
from gateway.server.services.journal_operations import JournalOperations
from gateway.server.services.query_slots import QuerySlots
from gateway.server.services.secret_deliveries import SecretDeliveries
from keyway.v1 import audit_service_pb2 as service


@dataclass(frozen=True, slots=True)
class AuditBackend:
    """Dependencies of AuditService."""

    audit: AuditSection
    journal: Journal
    source: AuditSource
    slots: QuerySlots
    verifier: JournalVerifier


def operations(
    backend: AuditBackend | None, providers: Collection[str], ledger: DeliveryLedger
) -> Mapping[str, Operation]:
    """Return the operations of the service, by name. providers: the IDs of all configured providers."""
    deliveries: Any = SecretDeliveries(ledger, providers).list_secret_deliveries
    return {**_queries(backend, providers), "list_secret_deliveries": deliveries}


def _queries(backend: AuditBackend | None, providers: Collection[str]) -> Mapping[str, Operation]:
    if backend is None:
        name = service.DESCRIPTOR.services_by_name["AuditService"].full_name
        return {method.operation: _not_configured for method in METHODS if method.service == name}
    queries = AuditQueries(backend.source, backend.slots, providers)
    journal = JournalOperations(backend.audit, backend.journal, backend.source, backend.slots, backend.verifier)
    table: dict[str, Any] = {
        "list_audit_records": queries.list_audit_records,
        "get_audit_record": queries.get_audit_record,
        "summarize_audit_records": queries.summarize_audit_records,
        "get_journal_status": journal.get_journal_status,
        "verify_journal": journal.verify_journal,
    }
    return table


async def _not_configured(_request: Any, _call: CallContext) -> Any:
    message = "audit queries are not enabled: audit.query is not configured"
    raise GatewayError(AUDIT_QUERY_NOT_CONFIGURED, message)
