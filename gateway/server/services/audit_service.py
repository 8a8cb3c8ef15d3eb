"""AuditService: queries about audit records, and the state of the journal."""

from collections.abc import Mapping
from typing import Any

from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.errors import AUDIT_QUERY_NOT_CONFIGURED, GatewayError
from gateway.server.method_handler import Operation
from keyway.v1 import audit_service_pb2 as service


async def _not_configured(_request: Any, _call: CallContext) -> Any:
    raise GatewayError(
        AUDIT_QUERY_NOT_CONFIGURED, "the gateway answers no audit queries: audit.query is not configured"
    )


def operations() -> Mapping[str, Operation]:
    """Return the operations of the service, by name."""
    name = service.DESCRIPTOR.services_by_name["AuditService"].full_name
    return {method.operation: _not_configured for method in METHODS if method.service == name}
