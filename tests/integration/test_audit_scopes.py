"""An auditor of one provider sees nothing of another, through any method of any worker."""

import base64
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest

from keyway.v1 import audit_service_pb2 as service
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_FAILURE, AuditFilter
from tests.support.audit_queries import (
    ALL_LOGS,
    FULL_AUDITOR,
    GATEWAY_LOG,
    KEYS_AUDITOR,
    OTHERS_AUDITOR,
    pages,
    records,
)
from tests.support.audit_scopes import CONNECTIONS, HIDDEN, KEYS_LOG, MARKERS, OTHER_SPELLINGS, AuditScene, served_scene
from tests.support.stack import Stack
from tests.support.trusted import ORDERS, UNAUTHORIZED, CallerStubs
from tests.support.wire import failure_of

FILTERS = (
    AuditFilter(),
    AuditFilter(provider="nhn-certs"),
    AuditFilter(provider="keyway:gateway"),
    AuditFilter(resource=HIDDEN),
    AuditFilter(resource="hidden.example.com"),
    AuditFilter(resource="nhn-certs/hidden.example.com"),
    AuditFilter(resource="providers/nhn-certs"),
    AuditFilter(caller=ORDERS),
    AuditFilter(action="GetCertificate"),
    AuditFilter(action="DownloadCertificateWithPrivateKey"),
    AuditFilter(action="BatchEncrypt"),
    AuditFilter(reason="CERTIFICATE_NOT_FOUND"),
    AuditFilter(denied=True),
    AuditFilter(private_material=True),
    AuditFilter(status=5),
    AuditFilter(outcome=AUDIT_OUTCOME_FAILURE),
)


@pytest.fixture(scope="module")
async def scene(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AuditScene]:
    """Yield the gateway with its history."""
    async with served_scene(tmp_path_factory.mktemp("scopes"), running_stack) as scene:
        yield scene


def reveals(*responses: Any) -> list[bytes]:
    """Return the markers in the responses."""
    content = b"".join(response.SerializeToString() for response in responses)
    return [marker for marker in MARKERS if marker in content]


def summaries() -> Iterator[service.SummarizeAuditRecordsRequest]:
    dimensions = [number for number in service.AuditDimension.values() if number]
    for parent in (ALL_LOGS, KEYS_LOG):
        for dimension in dimensions:
            yield service.SummarizeAuditRecordsRequest(parent=parent, group_by=[dimension])
        for criteria in FILTERS:
            yield service.SummarizeAuditRecordsRequest(parent=parent, filter=criteria, group_by=dimensions[:4])


async def test_lists_contain_only_the_permitted_log(scene: AuditScene) -> None:
    async with scene.caller(KEYS_AUDITOR) as auditors:
        for auditor in auditors:
            for parent in (ALL_LOGS, KEYS_LOG):
                for criteria in FILTERS:
                    found = [page async for page in pages(auditor, parent=parent, filter=criteria)]
                    assert reveals(*found) == []
                    listed = [record for page in found for record in page.records]
                    assert {record.request_id for record in listed} <= scene.visible
                    assert all(list(record.audit_logs) == [KEYS_LOG] for record in listed)
        everything = await records(auditors[0], parent=ALL_LOGS)

    assert {record.request_id for record in everything} == scene.visible


async def test_count_of_omitted_calls_does_not_depend_on_the_filter(scene: AuditScene) -> None:
    """It also counts the queries themselves, so it can grow, but a filter cannot make it smaller."""
    async with scene.caller(KEYS_AUDITOR) as auditors:
        counts = []
        for criteria in FILTERS:
            async for page in pages(auditors[0], parent=ALL_LOGS, filter=criteria, page_size=1):
                counts.append(page.omitted_calls)
            request = service.SummarizeAuditRecordsRequest(
                parent=ALL_LOGS, filter=criteria, group_by=[service.AUDIT_DIMENSION_CALLER]
            )
            counts.append((await auditors[0].audit.SummarizeAuditRecords(request)).omitted_calls)
        one_log = [page async for page in pages(auditors[0], parent=KEYS_LOG)]

    assert counts[0] >= len(scene.hidden)
    assert counts == sorted(counts)
    assert {page.omitted_calls for page in one_log} == {0}


async def test_summaries_contain_only_the_permitted_log(scene: AuditScene) -> None:
    async with scene.caller(KEYS_AUDITOR) as auditors:
        for request in summaries():
            found = await auditors[0].audit.SummarizeAuditRecords(request)
            assert reveals(found) == []
            assert sum(group.calls for group in found.groups) <= len(scene.visible)


async def test_hidden_record_is_not_distinguishable_from_a_missing_one(scene: AuditScene) -> None:
    missing_receipt = f"{scene.hidden[0][1].partition(':')[0]}:999999:{'0' * 64}"
    async with scene.caller(KEYS_AUDITOR) as auditors:

        async def failure(auditor: CallerStubs, **fields: str) -> tuple[Any, ...]:
            found = await failure_of(get(auditor, **fields))
            return (*found.kind, found.message, found.metadata, found.violations, found.resource, found.retry)

        for parent in (ALL_LOGS, KEYS_LOG):
            by_id = await failure(auditors[0], parent=parent, request_id="00000000-0000-4000-8000-000000000000")
            by_receipt = await failure(auditors[0], parent=parent, receipt=missing_receipt)
            assert by_id == by_receipt
            assert by_id[:2] == ("NOT_FOUND", "AUDIT_RECORD_NOT_FOUND")
            for number, (request_id, receipt) in enumerate(scene.hidden):
                auditor = auditors[number % CONNECTIONS]
                assert await failure(auditor, parent=parent, request_id=request_id) == by_id
                assert await failure(auditor, parent=parent, receipt=receipt) == by_id
        for request_id in scene.visible:
            found = await get(auditors[0], parent=ALL_LOGS, request_id=request_id)
            assert found.record.request_id == request_id
            assert reveals(found) == []


def get(auditor: CallerStubs, **fields: str) -> Awaitable[service.GetAuditRecordResponse]:
    call: Awaitable[service.GetAuditRecordResponse] = auditor.audit.GetAuditRecord(
        service.GetAuditRecordRequest(**fields)
    )
    return call


@pytest.mark.parametrize(
    "log", ["nhn-certs", "asteria", "keyway:gateway", "keyway:other", "unknown", "..", "nhn-keys/x", *OTHER_SPELLINGS]
)
async def test_other_logs_are_denied_in_every_spelling(scene: AuditScene, log: str) -> None:
    parent = f"auditLogs/{log}"
    async with scene.caller(KEYS_AUDITOR) as (auditor, *_):
        calls = (
            auditor.audit.ListAuditRecords(service.ListAuditRecordsRequest(parent=parent)),
            auditor.audit.SummarizeAuditRecords(
                service.SummarizeAuditRecordsRequest(parent=parent, group_by=[service.AUDIT_DIMENSION_CALLER])
            ),
            get(auditor, parent=parent, request_id=scene.hidden[0][0]),
            auditor.audit.GetJournalStatus(service.GetJournalStatusRequest(name=parent)),
            auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=parent)),
        )
        failures = [await failure_of(call) for call in calls]

    assert {failure.kind for failure in failures} == {("PERMISSION_DENIED", "PERMISSION_DENIED")}


async def test_page_token_is_valid_for_one_caller_and_one_list(scene: AuditScene) -> None:
    async with scene.caller(KEYS_AUDITOR) as (auditor, *_), scene.caller(FULL_AUDITOR) as (full, *_):
        request = service.ListAuditRecordsRequest(parent=ALL_LOGS, page_size=1)
        own = (await auditor.audit.ListAuditRecords(request)).next_page_token
        foreign = (await full.audit.ListAuditRecords(request)).next_page_token
        assert all(marker not in base64.urlsafe_b64decode(own + "==") for marker in MARKERS)
        for changed in (
            {"page_token": foreign},
            {"page_token": own, "parent": KEYS_LOG},
            {"page_token": own, "filter": AuditFilter(provider="nhn-certs")},
            {"page_token": own[:-2] + "AA"},
        ):
            fields: dict[str, Any] = {"parent": ALL_LOGS, "page_size": 1, **changed}
            failure = await failure_of(auditor.audit.ListAuditRecords(service.ListAuditRecordsRequest(**fields)))
            assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")


async def test_pages_of_any_size_contain_each_record_once(scene: AuditScene) -> None:
    async with scene.caller(KEYS_AUDITOR) as auditors:
        for size, auditor in zip((1, 2, 5, 1000), auditors, strict=False):
            found = await records(auditor, parent=ALL_LOGS, page_size=size)
            assert [record.request_id for record in found] == [
                record.request_id for record in await records(auditor, parent=KEYS_LOG)
            ]
            assert len(found) == len(scene.visible)
            times = [record.start_time.ToMicroseconds() for record in found]
            assert times == sorted(times, reverse=True)


async def test_auditor_of_all_logs_sees_providers_that_are_not_configured(scene: AuditScene) -> None:
    async with scene.caller(FULL_AUDITOR) as (auditor, *_):
        found = [page async for page in pages(auditor, parent=ALL_LOGS)]
        missing = await failure_of(
            auditor.audit.ListAuditRecords(service.ListAuditRecordsRequest(parent="auditLogs/unknown"))
        )

    listed = {record.request_id for page in found for record in page.records}
    assert scene.visible | {request for request, _ in scene.hidden} <= listed
    assert {page.omitted_calls for page in found} == {0}
    assert missing.kind == ("NOT_FOUND", "PROVIDER_NOT_FOUND")


async def test_auditor_of_all_but_one_provider_sees_no_unknown_providers(scene: AuditScene) -> None:
    """Their names can be other spellings of the name of the excluded provider."""
    async with scene.caller(OTHERS_AUDITOR) as (auditor, *_):
        found = [page async for page in pages(auditor, parent=ALL_LOGS)]

    logs = {log for page in found for record in page.records for log in record.audit_logs}
    assert logs == {KEYS_LOG, GATEWAY_LOG}
    assert found[0].omitted_calls > 0


async def test_caller_without_permission_is_denied(scene: AuditScene) -> None:
    async with scene.caller(UNAUTHORIZED) as (caller, *_):
        failure = await failure_of(caller.audit.ListAuditRecords(service.ListAuditRecordsRequest(parent=ALL_LOGS)))

    assert failure.kind == ("PERMISSION_DENIED", "PERMISSION_DENIED")
