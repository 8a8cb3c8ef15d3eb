"""`audit tail` on a source: which records are new."""

import pytest

from gateway.cli.audit_reader import SourceReader
from keyway.audit.tail import Follower
from keyway.v1 import audit_record_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from tests.support.audit_records import audit_record
from tests.support.audit_source import MemorySource


@pytest.fixture
def source() -> MemorySource:
    return MemorySource([audit_record(number) for number in range(100)])


def follower(source: MemorySource) -> Follower:
    return Follower(SourceReader(source), [AuditFilter()])


def requests(records: list[AuditRecord]) -> list[str]:
    return [record.request_id for record in records]


async def test_newest_records_are_in_the_order_of_time(source: MemorySource) -> None:
    assert requests(await follower(source).newest(3)) == ["r97", "r98", "r99"]
    assert await follower(source).newest(0) == []


@pytest.mark.parametrize("count", [0, 1, 50])
async def test_each_record_is_new_once(source: MemorySource, count: int) -> None:
    following = follower(source)
    await following.newest(count)
    assert await following.added() == []
    source.records += [audit_record(100), audit_record(101)]
    assert requests(await following.added()) == ["r100", "r101"]
    assert await following.added() == []


async def test_record_that_appears_late_is_new(source: MemorySource) -> None:
    late = source.records.pop(70)
    following = follower(source)
    await following.newest(1)
    source.records.append(late)
    assert requests(await following.added()) == ["r70"]


async def test_records_before_the_indexed_time_are_not_read_again(source: MemorySource) -> None:
    source.coverage.indexed_time.CopyFrom(audit_record(95).start_time)
    late = source.records.pop(70)
    following = follower(source)
    await following.newest(1)
    source.records += [late, audit_record(100)]
    assert requests(await following.added()) == ["r100"]


async def test_call_in_progress_is_new_when_it_ends(source: MemorySource) -> None:
    source.records.append(audit_record(30, request_id="slow", outcome=contract.AUDIT_OUTCOME_PENDING))
    following = follower(source)
    await following.newest(100)
    source.records += [audit_record(number) for number in range(100, 500)]
    assert "slow" not in requests(await following.added())
    source.records[100] = audit_record(30, request_id="slow")
    assert requests(await following.added()) == ["slow"]
    assert await following.added() == []


async def test_calls_recorded_together_are_new_once(source: MemorySource) -> None:
    following = follower(source)
    await following.newest(1)
    source.records.append(audit_record(100, request_id="", calls=1))
    assert len(await following.added()) == 1
    source.records[-1] = audit_record(100, request_id="", calls=2, receipt="gw-1:999:0")
    assert await following.added() == []
