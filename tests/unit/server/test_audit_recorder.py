"""The audit recorder over a real journal: which responses to rejected calls are delayed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from gateway import errors
from gateway.audit.call_facts import Moment
from gateway.audit.description import Describer
from gateway.contract.methods import METHODS
from gateway.errors import GatewayError, InvalidRequest
from gateway.identity.caller import ANONYMOUS
from gateway.journal.errors import JournalUnavailable
from gateway.redaction import DEFAULT_REDACTION
from gateway.server.audit_recorder import AuditRecorder
from gateway.server.rejections import Rejections
from gateway.server.rpc_context import RpcContext
from gateway.server.tarpit import Tarpit
from tests.support.contract_messages import valid
from tests.support.journals import journal_in
from tests.support.policies import ALICE
from tests.support.waiting import eventually

(ENCRYPT,) = (method for method in METHODS if method.name == "Encrypt")
DENIED = GatewayError(errors.PERMISSION_DENIED, "denied")
RATE_LIMITED = GatewayError(errors.CALLER_RATE_LIMITED, "too many calls")
INVALID = InvalidRequest([])


class Transport:
    def peer(self) -> str:
        return "ipv4:192.0.2.1:1"

    def invocation_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata()


def rejected_call(number: int, *, decoded: bool) -> RpcContext:
    return RpcContext(
        f"r-{number}",
        0.0,
        False,
        method=ENCRYPT,
        transport=Transport(),  # type: ignore[arg-type]
        received_at=Moment(0.0, 0.0),
        request=valid(ENCRYPT.request.DESCRIPTOR) if decoded else None,
        caller=ALICE,
    )


@contextlib.asynccontextmanager
async def recording(folder: Path, tarpit: Tarpit) -> AsyncIterator[AuditRecorder]:
    async with journal_in(folder) as journal:
        rejections = Rejections(lambda _: None, JournalUnavailable)
        yield AuditRecorder(journal, Describer(DEFAULT_REDACTION), rejections, tarpit)


@pytest.mark.parametrize(
    ("error", "decoded", "delayed"),
    [(DENIED, True, True), (RATE_LIMITED, True, True), (INVALID, False, True), (INVALID, True, False)],
    ids=["denied", "rate-limited", "undecodable", "invalid"],
)
async def test_second_response_of_a_rejected_caller_is_delayed(
    tmp_path: Path, error: GatewayError, *, decoded: bool, delayed: bool
) -> None:
    """The clock stands still, so the tarpit has one immediate response."""
    tarpit = Tarpit(lambda: 1000.0, peer_rate=1.0, total_rate=1000.0)
    calls = [rejected_call(number, decoded=decoded) for number in range(2)]
    async with recording(tmp_path, tarpit) as recorder:
        await recorder.record_failure(calls[0], error)
        second = asyncio.ensure_future(recorder.record_failure(calls[1], error))
        if delayed:

            async def waits() -> bool:
                return tarpit.delayed == 1

            await eventually(waits)
            recorder.stop_delaying()
        await second
    assert all(call.receipt is not None for call in calls)


async def test_undecodable_messages_without_identity_are_counted_not_recorded(tmp_path: Path) -> None:
    counted: list[bytes] = []
    async with journal_in(tmp_path) as journal:
        rejections = Rejections(counted.append, JournalUnavailable)
        recorder = AuditRecorder(journal, Describer(DEFAULT_REDACTION), rejections)
        for number in range(3):
            call = rejected_call(number, decoded=False)
            call.caller = ANONYMOUS
            await recorder.record_failure(call, INVALID)
            assert call.receipt is None
        rejections.flush()
    (event,) = counted
    assert b'"INVALID_REQUEST"' in event
