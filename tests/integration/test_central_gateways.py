"""Gateways that ship to a central store and answer audit queries from it, over gRPC."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import audit_service_pb2 as service
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.audit_record_pb2 import AuditFilter
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR, KEYS_AUDITOR, queryable, records
from tests.support.central import Central, central_store, journal_id
from tests.support.stack import Stack
from tests.support.trusted import OPERATOR, ORDERS, CallerStubs, Trusted, request_id_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("central")

KEY = "providers/nhn-keys/keys/orders-key"
CERTIFICATE = "providers/nhn-certs/certificates/www.example.com"
CALLS = 40
GATEWAYS = 2


@dataclass(frozen=True, slots=True)
class Site:
    """Running gateways with their addresses."""

    gateways: list[Trusted]
    addresses: list[str]
    exits: AsyncExitStack

    async def caller(self, number: int, name: str) -> CallerStubs:
        """Connect a caller to a gateway."""
        gateway = self.gateways[number].caller(self.addresses[number], name)
        return await self.exits.enter_async_context(gateway)


@pytest.fixture
async def central(tmp_path: Path) -> AsyncIterator[Central]:
    async with central_store(tmp_path / "central") as central:
        yield central


@pytest.fixture
async def site(tmp_path: Path, running_stack: Stack, central: Central) -> AsyncIterator[Site]:
    async with AsyncExitStack() as exits:
        gateways, addresses = [], []
        for number in range(GATEWAYS):
            folder = tmp_path / f"gateway-{number}"
            folder.mkdir()
            gateway = queryable(folder, running_stack, source="central", central=dict(central.query))
            gateway.configuration["audit"]["ship"] = dict(central.collector.ship)
            gateways.append(gateway)
            addresses.append(await exits.enter_async_context(gateway.served()))
        yield Site(gateways, addresses, exits)


async def test_each_gateway_returns_the_records_of_all_gateways(central: Central, site: Site) -> None:
    made = [request_id for number in range(GATEWAYS) for request_id in await make_calls(site, number)]
    await stored(central, made)
    answers = []
    for number in range(GATEWAYS):
        auditor = await site.caller(number, FULL_AUDITOR)
        answers.append(await records(auditor, parent=ALL_LOGS, filter=AuditFilter(caller=ORDERS)))
        downloads = AuditFilter(resource="www.example.com", private_material=True)
        (download, _) = await records(auditor, parent=ALL_LOGS, filter=downloads)
        assert (download.caller, download.action) == (OPERATOR, "DownloadCertificateWithPrivateKey")
        page = await auditor.audit.ListAuditRecords(service.ListAuditRecordsRequest(parent=ALL_LOGS, page_size=1))
        assert list(page.coverage.journals) == sorted(journal_id(gateway.audit) for gateway in site.gateways)
        assert page.coverage.complete
    assert answers[0] == answers[1]
    assert {record.request_id for record in answers[0]} == {*made[:CALLS], *made[CALLS + 1 : -1]}
    assert {record.journal for record in answers[0]} == {journal_id(gateway.audit) for gateway in site.gateways}


async def test_auditor_of_one_provider_sees_no_call_of_another(central: Central, site: Site) -> None:
    made = [request_id for number in range(GATEWAYS) for request_id in await make_calls(site, number)]
    await stored(central, made)
    auditor = await site.caller(1, KEYS_AUDITOR)
    found = await records(auditor, parent=ALL_LOGS)
    assert {log for record in found for log in record.audit_logs} == {"auditLogs/nhn-keys"}
    page = await auditor.audit.ListAuditRecords(service.ListAuditRecordsRequest(parent=ALL_LOGS))
    assert page.omitted_calls >= GATEWAYS
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await auditor.audit.GetAuditRecord(service.GetAuditRecordRequest(parent=ALL_LOGS, request_id=made[-1]))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def make_calls(site: Site, number: int) -> list[str]:
    """Make calls through a gateway, and return their request IDs; the last one is a download of a private key."""
    orders, operator = await site.caller(number, ORDERS), await site.caller(number, OPERATOR)
    calls: list[Any] = [
        orders.keys.Encrypt(keys.EncryptRequest(name=KEY if index % 4 else f"{KEY}-missing", plaintext=b"x"))
        for index in range(CALLS)
    ]
    request = certificates.DownloadCertificateRequest(name=CERTIFICATE, include_private_key=True)
    calls.append(operator.certificates.DownloadCertificate(request))
    return [request_id_of(await call.trailing_metadata()) for call in calls]


async def stored(central: Central, request_ids: list[str]) -> None:
    """Wait until the store has the outcomes of these calls."""

    async def all_stored() -> bool:
        rows = await central.store.query('event_code:="outcome" | fields request_id')
        return {*request_ids} <= {row["request_id"] for row in rows}

    await eventually(all_stored)
