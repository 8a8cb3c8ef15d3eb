"""AuditService over a running gateway: lists, records, summaries, the state of the journal, and its verification."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.format.records import Receipt
from gateway.journal.verify.verification import verify
from keyway.v1 import audit_service_pb2 as service
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_SUCCESS, AuditFilter
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR, GATEWAY_LOG, indexed, queryable, records
from tests.support.stack import Stack
from tests.support.trusted import CallerStubs, receipt_of, request_id_of
from tests.support.waiting import eventually
from tests.support.wire import failure_of
from tests.support.workers import children_running, kill

KEY = "providers/nhn-keys/keys/orders-key"
RECEIPT = "keyway-audit-receipt"


async def encrypt(caller: CallerStubs) -> tuple[str, Receipt]:
    """Make a call. Return its request ID and its receipt."""
    call = caller.keys.Encrypt(keys.EncryptRequest(name=KEY, plaintext=b"x"))
    await call
    metadata = await call.trailing_metadata()
    return request_id_of(metadata), receipt_of(metadata)


@pytest.fixture(scope="module")
async def auditor(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CallerStubs]:
    """Yield an auditor of everything."""
    trusted = queryable(tmp_path_factory.mktemp("audit"), running_stack)
    async with trusted.served() as address, trusted.caller(address, FULL_AUDITOR) as auditor:
        yield auditor


async def test_call_is_listed_found_and_summarized(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with (
        trusted.served() as address,
        trusted.caller(address) as operator,
        trusted.caller(address, FULL_AUDITOR) as auditor,
    ):
        request_id, receipt = await encrypt(operator)
        await indexed(auditor, request_id)
        (listed,) = await records(auditor, parent=ALL_LOGS, filter=AuditFilter(action="Encrypt"))
        by_id = await auditor.audit.GetAuditRecord(
            service.GetAuditRecordRequest(parent="auditLogs/nhn-keys", request_id=request_id)
        )
        by_receipt = await auditor.audit.GetAuditRecord(
            service.GetAuditRecordRequest(parent=ALL_LOGS, receipt=str(receipt))
        )
        summary = await auditor.audit.SummarizeAuditRecords(
            service.SummarizeAuditRecordsRequest(
                parent="auditLogs/nhn-keys", group_by=[service.AUDIT_DIMENSION_CALLER, service.AUDIT_DIMENSION_ACTION]
            )
        )

    assert listed.request_id == request_id
    assert listed.outcome == AUDIT_OUTCOME_SUCCESS
    assert list(listed.resources) == [KEY]
    assert list(listed.policies) == ["operators-do-everything"]
    assert listed.receipt == str(receipt)
    assert by_id.record == by_receipt.record == listed
    assert by_id.journal_records[-1].receipt == str(receipt)
    assert len(by_id.journal_records) == 2
    assert [(list(group.values), group.calls) for group in summary.groups] == [([listed.caller, "Encrypt"], 1)]


async def verified(auditor: CallerStubs, *, restart: bool = False) -> service.VerifyJournalResponse:
    """Verify the journal, and return the result."""
    found = await auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=GATEWAY_LOG, restart=restart))

    async def ended() -> bool:
        nonlocal found
        found = await auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=GATEWAY_LOG))
        return bool(found.state != service.VERIFICATION_STATE_RUNNING)

    await eventually(ended)
    return found


async def test_journal_status_names_the_chains_and_the_index(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with (
        trusted.served() as address,
        trusted.caller(address) as operator,
        trusted.caller(address, FULL_AUDITOR) as auditor,
    ):
        request_id, receipt = await encrypt(operator)
        await indexed(auditor, request_id)
        status = await auditor.audit.GetJournalStatus(service.GetJournalStatusRequest(name=GATEWAY_LOG))
        record = (await records(auditor, parent="auditLogs/nhn-keys"))[0]

    (chain,) = status.chains
    head = Receipt.parse(chain.head)
    assert status.journal == record.journal
    assert (chain.folder, chain.chain, chain.segments) == ("worker-0", receipt.chain, 1)
    assert head.sequence >= receipt.sequence
    assert status.size_bytes > 1000
    assert status.free_bytes > 0
    assert 0 < status.disk_used < 1
    assert not status.shipping
    assert not chain.HasField("shipping_lag")
    assert status.index.index_bytes > 0
    assert status.index.HasField("indexed_time")


async def test_verification_finds_a_changed_record(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with (
        trusted.served() as address,
        trusted.caller(address) as operator,
        trusted.caller(address, FULL_AUDITOR) as auditor,
    ):
        for _ in range(3):
            _, receipt = await encrypt(operator)
        good = await verified(auditor)
        kept = await auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=GATEWAY_LOG))
        (segment,) = (trusted.audit / "worker-0").glob("0*.jsonl")
        content = segment.read_bytes()
        with segment.open("r+b") as file:
            file.seek(content.index(b"orders-key"))
            file.write(b"Orders-key")
        bad = await verified(auditor, restart=True)

    assert good.state == service.VERIFICATION_STATE_VERIFIED
    assert list(good.problems) == []
    assert good.progress_percent == 100
    assert good.checked_records >= 6
    assert good.start_time.ToDatetime() <= good.end_time.ToDatetime()
    assert [Receipt.parse(head).chain for head in good.heads] == [receipt.chain]
    assert len(good.signing_key_ids) == 1
    assert kept == good
    assert bad.state == service.VERIFICATION_STATE_NOT_VERIFIED
    (problem,) = bad.problems
    assert segment.name in problem


async def test_killed_verification_is_interrupted_and_can_be_restarted(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with trusted.served() as address, trusted.caller(address, FULL_AUDITOR) as auditor:

        async def interrupted() -> bool:
            # A verification that ends before it is killed is started again.
            first = await auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=GATEWAY_LOG, restart=True))
            assert first.state == service.VERIFICATION_STATE_RUNNING
            for pid in children_running("gateway.journal.verify"):
                kill(pid)
            found = await auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=GATEWAY_LOG))
            return bool(found.state == service.VERIFICATION_STATE_INTERRUPTED)

        await eventually(interrupted)
        again = await verified(auditor, restart=True)

    assert again.state == service.VERIFICATION_STATE_VERIFIED


async def test_only_the_log_of_the_gateway_has_a_state(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with trusted.served() as address, trusted.caller(address, FULL_AUDITOR) as auditor:
        name = "auditLogs/nhn-keys"
        status = await failure_of(auditor.audit.GetJournalStatus(service.GetJournalStatusRequest(name=name)))
        verification = await failure_of(auditor.audit.VerifyJournal(service.VerifyJournalRequest(name=name)))

    for failure in (status, verification):
        assert failure.kind == ("INVALID_ARGUMENT", "INVALID_REQUEST")
        assert failure.fields == ["name"]
        assert "must be 'auditLogs/keyway:gateway'" in failure.message


@pytest.mark.parametrize(
    ("request_type", "fields", "field"),
    [
        (service.ListAuditRecordsRequest, {"filter": {"start_time": {"nanos": -1}}}, "filter.start_time"),
        (
            service.ListAuditRecordsRequest,
            {"filter": {"start_time": {"seconds": 5}, "end_time": {"seconds": 5}}},
            "filter.end_time",
        ),
        (service.ListAuditRecordsRequest, {"filter": {"end_time": {"seconds": 1 << 60}}}, "filter.end_time"),
        (service.GetAuditRecordRequest, {}, "request_id"),
        (service.GetAuditRecordRequest, {"request_id": "a", "receipt": "b"}, "request_id"),
        (service.GetAuditRecordRequest, {"receipt": "b"}, "receipt"),
        (service.SummarizeAuditRecordsRequest, {"group_by": [1, 1]}, "group_by"),
        (service.SummarizeAuditRecordsRequest, {"group_by": [0]}, "group_by"),
        (service.SummarizeAuditRecordsRequest, {"group_by": [1], "max_groups": 10_001}, "max_groups"),
    ],
)
async def test_invalid_query_names_the_field(
    quiet_stack: Stack, auditor: CallerStubs, request_type: Any, fields: dict[str, Any], field: str
) -> None:
    method = getattr(auditor.audit, request_type.DESCRIPTOR.name.removesuffix("Request"))
    failure = await failure_of(method(request_type(parent=ALL_LOGS, **fields)))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert failure.fields == [field]


async def test_repeated_queries_are_recorded_together(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack)
    async with trusted.served() as address, trusted.caller(address, FULL_AUDITOR) as auditor:
        await indexed(auditor)
        receipts = []
        for token in ("", "", "", "invalid", ""):
            call = auditor.audit.ListAuditRecords(
                service.ListAuditRecordsRequest(parent="auditLogs/nhn-certs", page_token=token)
            )
            if token:
                await failure_of(call)
            else:
                await call
            receipts.append(RECEIPT in dict(await call.trailing_metadata()))

    listed = [event for event in trusted.events() if event.get("resources", [{}])[0].get("name", "").endswith("certs")]
    assert receipts == [True, False, False, True, False]
    assert [(event["metadata"]["event_code"], event["status"]) for event in listed] == [
        ("intent", "Pending"),
        ("outcome", "Success"),
        ("intent", "Pending"),
        ("outcome", "Failure"),
        ("repetitions", "Success"),
    ]
    assert listed[-1]["count"] == 3
    assert listed[-1]["unmapped"]["first_request_uid"] == listed[0]["api"]["request"]["uid"]
    assert verify(trusted.audit).good


async def test_query_that_takes_too_long_ends(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = queryable(tmp_path, quiet_stack, timeout=1e-6)
    async with trusted.served() as address, trusted.caller(address, FULL_AUDITOR) as auditor:
        request = service.ListAuditRecordsRequest(parent=ALL_LOGS)
        failure = await failure_of(auditor.audit.ListAuditRecords(request))

    assert failure.kind == ("DEADLINE_EXCEEDED", "AUDIT_QUERY_TIMEOUT")
    assert "audit.query.timeout" in failure.message
