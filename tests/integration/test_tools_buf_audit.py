"""Every method of AuditService, called by `buf curl` over reflection."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.contract.methods import METHODS, Method
from tests.support.buf_caller import FULL_NAMES, encoded
from tests.support.stack import Gateway, Stack
from tests.support.tools import BufCurl
from tests.support.waiting import eventually

KEY: Final = "providers/nhn-keys/keys/orders-key"
ALL_LOGS: Final = "auditLogs/-"
GATEWAY_LOG: Final = "auditLogs/keyway:gateway"
AUDIT_METHODS: Final = [method for method in METHODS if method.service == "keyway.v1.AuditService"]

Call = Callable[..., Awaitable[Any]]


async def list_audit_records(call: Call) -> None:
    (record,) = (await call("ListAuditRecords", parent=ALL_LOGS, filter={"action": "Encrypt"}))["records"]
    assert (record["resources"], record["outcome"]) == ([KEY], "AUDIT_OUTCOME_SUCCESS")


async def get_audit_record(call: Call) -> None:
    (listed,) = (await call("ListAuditRecords", parent=ALL_LOGS, filter={"action": "Encrypt"}))["records"]
    found = await call("GetAuditRecord", parent=ALL_LOGS, requestId=listed["requestId"])
    assert found["record"] == listed
    intent, outcome = found["journalRecords"]
    assert '"event_code":"intent"' in intent["eventJson"]
    assert outcome["receipt"] == listed["receipt"]


async def summarize_audit_records(call: Call) -> None:
    summary = await call("SummarizeAuditRecords", parent="auditLogs/nhn-keys", groupBy=["AUDIT_DIMENSION_ACTION"])
    (group,) = summary["groups"]
    assert (group["values"], group["calls"]) == (["Encrypt"], "1")


async def get_journal_status(call: Call) -> None:
    status = await call("GetJournalStatus", name=GATEWAY_LOG)
    (chain,) = status["chains"]
    assert chain["folder"] == "worker-0"
    assert chain["head"].startswith(chain["chain"])


async def verify_journal(call: Call) -> None:
    async def has_ended() -> bool:
        state: str = (await call("VerifyJournal", name=GATEWAY_LOG))["state"]
        return state != "VERIFICATION_STATE_RUNNING"

    await eventually(has_ended)
    assert (await call("VerifyJournal", name=GATEWAY_LOG))["state"] == "VERIFICATION_STATE_VERIFIED"


async def list_secret_deliveries(call: Call) -> None:
    """No node has requested a secret."""
    assert await call("ListSecretDeliveries", parent=ALL_LOGS) == {}


@pytest.fixture
async def call(quiet_stack: Stack, tmp_path: Path) -> AsyncIterator[Call]:
    """Yield a function that calls a gateway with one recorded call of Encrypt in its index."""
    audit = {"directory": str(tmp_path / "audit"), "query": {}}
    async with Gateway(quiet_stack.settings(audit=audit)) as gateway:
        buf = BufCurl(gateway.address, tmp_path)

        async def call(method: str, **request: Any) -> Any:
            finished = await buf.call(FULL_NAMES[method], request)
            return finished.json() if finished.code == 0 else {}

        async def is_indexed() -> bool:
            listed = await call("ListAuditRecords", parent="auditLogs/nhn-keys")
            return [record["outcome"] for record in listed.get("records", [])] == ["AUDIT_OUTCOME_SUCCESS"]

        await call("Encrypt", name=KEY, plaintext=encoded(b"x"))
        await eventually(is_indexed)
        yield call


@pytest.mark.parametrize("method", AUDIT_METHODS, ids=lambda method: method.name)
async def test_method_has_its_effect(call: Call, method: Method) -> None:
    await globals()[method.operation](call)
