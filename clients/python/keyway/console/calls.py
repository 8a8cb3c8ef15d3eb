"""Calls of the console to the gateway, each with the permission that it needs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from keyway import aio, lists
from keyway.audit.query import GROUPS
from keyway.audit.reader import EVERY_LOG
from keyway.console.notices import Notice, Permission, attempt
from keyway.v1 import audit_service_pb2 as audit
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import CheckProviderRequest, CheckProviderResponse, ListProvidersRequest

GATEWAY_LOG: Final = "auditLogs/keyway:gateway"
_LARGEST_PAGE: Final = 1000
_EVERY_PROVIDER: Final = "providers/-"
ResponseT = TypeVar("ResponseT", bound=Message)


class GatewayCalls:
    """The calls to one gateway."""

    def __init__(self, client: aio.Client) -> None:
        self._client = client
        # The gateway answers one audit query of a caller at a time.
        self._query = asyncio.Lock()

    async def providers(self) -> list[Provider] | Notice:
        """Return all providers."""
        request = ListProvidersRequest(page_size=_LARGEST_PAGE)
        found = _all(self._client.providers.list_providers, request)
        return await attempt(found, permission("ListProviders", _EVERY_PROVIDER))

    async def check_provider(self, name: str) -> CheckProviderResponse | Notice:
        """Check one provider."""
        call = _awaited(self._client.providers.check_provider, CheckProviderRequest(name=name))
        return await attempt(call, permission("CheckProvider", name))

    async def certificates(self, provider: str = _EVERY_PROVIDER) -> tuple[list[Certificate], list[str]] | Notice:
        """Return the certificates of a provider, expired or not, and the providers that do not respond."""
        return await attempt(self._certificates(provider), permission("ListCertificates", provider))

    async def _certificates(self, provider: str) -> tuple[list[Certificate], list[str]]:
        request = certificates.ListCertificatesRequest(
            parent=provider, page_size=_LARGEST_PAGE, state=certificates.CERTIFICATE_STATE_FILTER_ALL
        )
        found: list[Certificate] = []
        unreachable: set[str] = set()
        async for page in aio.iterate_pages(self._client.certificates.list_certificates, request):
            found += page.certificates
            unreachable |= set(page.unreachable)
        return found, sorted(unreachable)

    async def certificate(self, name: str) -> Certificate | Notice:
        """Return one certificate with all its fields."""
        request = certificates.GetCertificateRequest(name=name, view=certificates.CERTIFICATE_VIEW_FULL)
        found = await attempt(
            _awaited(self._client.certificates.get_certificate, request), permission("GetCertificate", name)
        )
        return found if isinstance(found, Notice) else found.certificate

    async def list_audit_records(self, request: audit.ListAuditRecordsRequest, /) -> audit.ListAuditRecordsResponse:
        """Return one page of records, newest first. Raises KeywayError."""
        async with self._query:
            return await self._client.audit.list_audit_records(request)

    async def get_audit_record(self, request: audit.GetAuditRecordRequest, /) -> audit.GetAuditRecordResponse:
        """Return one record with its events. Raises KeywayError."""
        async with self._query:
            return await self._client.audit.get_audit_record(request)

    async def summarize_audit_records(
        self, request: audit.SummarizeAuditRecordsRequest, /
    ) -> audit.SummarizeAuditRecordsResponse:
        """Return groups of calls. Raises KeywayError."""
        async with self._query:
            return await self._client.audit.summarize_audit_records(request)

    async def journal_status(self) -> audit.GetJournalStatusResponse | Notice:
        """Return the state of the journal."""
        call = _awaited(self._client.audit.get_journal_status, audit.GetJournalStatusRequest(name=GATEWAY_LOG))
        return await attempt(call, permission("GetJournalStatus", GATEWAY_LOG))

    async def verify_journal(self, *, restart: bool) -> audit.VerifyJournalResponse | Notice:
        """Start a verification, or return the progress or the result of the last one."""
        request = audit.VerifyJournalRequest(name=GATEWAY_LOG, restart=restart)
        call = _awaited(self._client.audit.verify_journal, request)
        return await attempt(call, permission("VerifyJournal", GATEWAY_LOG))


def permission(action: str, resource: str = EVERY_LOG) -> Permission:
    """Return the permission for an action."""
    group = next((name for name, actions in GROUPS.items() if action in actions), "")
    return Permission(action, group, resource)


async def _all(method: Callable[..., Any], request: Message) -> list[Any]:
    return [item async for item in lists.iterate_async(method, request)]  # type: ignore[call-overload]


async def _awaited(method: Callable[..., Awaitable[ResponseT]], request: Message) -> ResponseT:
    return await method(request)
