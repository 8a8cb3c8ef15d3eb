"""States of the central store that queries show: calls in progress, and rejected credentials."""

import dataclasses
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest

from gateway.audit.call_facts import Moment
from gateway.audit.events import CallEvents
from gateway.errors import AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.identity.caller import Caller
from gateway.journal.write.entries import OutcomeEntry
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AUDIT_OUTCOME_SUCCESS, AuditFilter
from keyway.v1.audit_service_pb2 import AuditDimension
from tests.support.audit_answers import assert_fitting
from tests.support.audit_history import PastCall, history, history_journal, large_batches, write, write_history
from tests.support.central import EVERYTHING, Central, central_store, listed
from tests.support.shipping import shipping
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("central")


@pytest.fixture(scope="module")
async def central(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Central]:
    async with central_store(tmp_path_factory.mktemp("central")) as central:
        yield central


async def test_call_is_pending_until_its_outcome_is_recorded(central: Central, tmp_path: Path) -> None:
    (past,) = (each for each in islice(history(9, seed=99), 4, 5) if isinstance(each, PastCall))
    caller = Caller(f"spiffe://example.org/{tmp_path.name}", "spiffe")
    past.details.caller, past.began = caller, Moment.now()
    assert past.result is not None
    result, past.result = dataclasses.replace(past.result, moment=Moment.now()), None
    criteria = AuditFilter(caller=caller.name)
    by_status = (AuditDimension.AUDIT_DIMENSION_STATUS,)
    async with history_journal(tmp_path / "audit") as journal, central.source() as source:

        async def has_outcome(outcome: int) -> bool:
            return [record.outcome for record in await listed(source, criteria)] == [outcome]

        await write(journal, [past])
        async with shipping(tmp_path / "audit", **central.collector.ship):
            await eventually(lambda: has_outcome(AUDIT_OUTCOME_PENDING))
            summary = await source.summarize(criteria, EVERYTHING, group_by=by_status, limit=9)
            assert [(list(group.values), group.calls) for group in summary.groups] == [(["PENDING"], 1)]
            pending = AuditFilter(caller=caller.name, outcome=AUDIT_OUTCOME_PENDING)
            assert len(await listed(source, pending)) == 1
            outcome = CallEvents(past.details, past.began).outcome(result)
            journal.append(OutcomeEntry(past.details.request_id, lambda: outcome))
            await eventually(lambda: has_outcome(AUDIT_OUTCOME_SUCCESS))
            assert await listed(source, pending) == []


async def test_store_requires_the_password_and_no_error_contains_it(
    central: Central, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "wrong-pass-word"
    async with central.source(password=wrong) as source:
        with pytest.raises(GatewayError) as caught:
            await source.list(AuditFilter(), EVERYTHING, limit=1, after=None)
    assert caught.value.kind == AUDIT_QUERY_UNAVAILABLE
    printed = capsys.readouterr()
    assert "the store rejects the credentials" in printed.out + printed.err
    assert wrong not in printed.out + printed.err + str(caught.value) + repr(central.settings)


async def test_answers_with_large_records_fit_into_a_message(central: Central, tmp_path: Path) -> None:
    await write_history(tmp_path / "audit", large_batches(40, 100_000))
    await central.ship(tmp_path / "audit")
    async with central.source() as source:
        await assert_fitting(source, AuditFilter(caller="spiffe://example.org/large"), 40)
