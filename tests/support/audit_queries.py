"""A gateway whose audit log can be queried, with auditors of one provider and of everything."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from keyway.v1 import audit_service_pb2 as service
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AuditRecord
from tests.support.stack import Stack
from tests.support.trusted import DOMAIN, POLICIES, CallerStubs, Trusted
from tests.support.waiting import eventually

KEYS_AUDITOR, FULL_AUDITOR, OTHERS_AUDITOR = (
    f"{DOMAIN}/{name}" for name in ("keys-auditor", "full-auditor", "others-auditor")
)
GATEWAY_LOG = "auditLogs/keyway:gateway"
ALL_LOGS = "auditLogs/-"
AUDITORS = """
@id("auditors-of-keys")
permit (
  principal == Keyway::Caller::"spiffe://example.org/keys-auditor",
  action in Keyway::Action::"ReadAuditLogs",
  resource == Keyway::AuditLog::"auditLogs/nhn-keys"
);
@id("auditors-of-everything")
permit (
  principal == Keyway::Caller::"spiffe://example.org/full-auditor",
  action in Keyway::Action::"ReadAuditLogs",
  resource
);
@id("auditors-of-others")
permit (
  principal == Keyway::Caller::"spiffe://example.org/others-auditor",
  action in Keyway::Action::"ReadAuditLogs",
  resource
) unless { resource.provider == "nhn-certs" };
"""


def queryable(folder: Path, stack: Stack, **query: Any) -> Trusted:
    """Return the files of a gateway with audit queries. query: the section `audit.query`."""
    trusted = Trusted(folder, stack, audit={"directory": "audit", "query": query})
    (folder / "policies.cedar").write_text(POLICIES + AUDITORS)
    return trusted


async def pages(
    auditor: CallerStubs, *, page_size: int = 1000, **fields: Any
) -> AsyncIterator[service.ListAuditRecordsResponse]:
    """Yield all pages of a list. fields: of the request."""
    token = ""
    while True:
        request = service.ListAuditRecordsRequest(page_size=page_size, page_token=token, **fields)
        page: service.ListAuditRecordsResponse = await auditor.audit.ListAuditRecords(request)
        yield page
        token = page.next_page_token
        if not token:
            return


async def records(auditor: CallerStubs, **fields: Any) -> list[AuditRecord]:
    """Return all records of a list."""
    return [record async for page in pages(auditor, **fields) for record in page.records]


async def indexed(auditor: CallerStubs, *request_ids: str) -> None:
    """Wait until the outcomes of these calls can be found."""
    missing = set(request_ids)

    async def found() -> bool:
        try:
            listed = await records(auditor, parent=ALL_LOGS)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return False  # the index does not exist yet
        return not missing - {record.request_id for record in listed if record.outcome != AUDIT_OUTCOME_PENDING}

    await eventually(found)
