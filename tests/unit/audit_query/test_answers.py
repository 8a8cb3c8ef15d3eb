"""The index answers as an evaluation of every record does, for random filters, scopes, and dimensions."""

import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit_query.index.offline import open_offline
from gateway.audit_query.source import AuditSource, Scope
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_CALLER,
    AUDIT_DIMENSION_DAY,
    AuditDimension,
    AuditGroup,
)
from tests.support import audit_answers
from tests.support.audit_history import BEGIN, history, write_history

DAYS = 3
LOGS = ("nhn-certs", "nhn-keys", "asteria", "keyway:gateway", "other")
DIMENSIONS = [number for number in AuditDimension.values() if number]


@pytest.fixture(scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two workers."""
    directory = tmp_path_factory.mktemp("journal") / "audit"
    for worker in (0, 1):
        calls = history(3000, seed=worker, days=DAYS, callers=5, resources=20)
        await write_history(directory, calls, worker=worker, segment_bytes=500_000)
    return directory


@pytest.fixture(scope="module")
async def source(directory: Path) -> AsyncIterator[AuditSource]:
    source = open_offline(directory)
    yield source
    await source.close()


class Records(list[AuditRecord]):
    """All records of the journal, newest first."""

    def __repr__(self) -> str:
        return f"<{len(self)} records>"


@pytest.fixture(scope="module")
def records(directory: Path) -> Records:
    return Records(audit_answers.records_of(directory))


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


times = st.integers(BEGIN * 1000 - 10, (BEGIN + DAYS * 86_400) * 1000).map(
    lambda ms: Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)
) | st.integers(BEGIN // 3600, BEGIN // 3600 + DAYS * 24).map(lambda hour: Timestamp(seconds=hour * 3600))

filters = st.builds(
    AuditFilter,
    start_time=optional(times),
    end_time=optional(times),
    caller=optional(st.integers(0, 5).map("spiffe://example.org/service-{}".format) | st.just("unknown")),
    action=optional(st.sampled_from(["Encrypt", "DownloadCertificateWithPrivateKey", "BatchEncrypt", "None"])),
    resource=optional(
        st.sampled_from(["key-1", "nhn-keys/key-4", "providers/nhn-keys/keys/key-2", "providers/-", "x"])
    ),
    provider=optional(st.sampled_from([*LOGS, "-"])),
    status=optional(st.sampled_from([0, 5, 7, 16])),
    reason=optional(st.sampled_from(["PERMISSION_DENIED", "KEY_NOT_FOUND", "NONE"])),
    denied=optional(st.booleans()),
    private_material=optional(st.booleans()),
    outcome=st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
    surface=optional(st.sampled_from(["vault", "rest", "sds"])),
)
# Most filters of many fields select nothing.
sparse_filters = st.builds(
    lambda full, kept: AuditFilter(**{field.name: value for field, value in full.ListFields() if field.name in kept}),
    filters,
    st.sets(st.sampled_from([field.name for field in AuditFilter.DESCRIPTOR.fields]), max_size=3),
)
scopes = st.builds(Scope, st.none() | st.frozensets(st.sampled_from(LOGS)), st.booleans())


@settings(max_examples=40)
@given(criteria=sparse_filters, scope=scopes, limit=st.sampled_from([1, 7, 1000]))
async def test_list_contains_the_matching_records(
    source: AuditSource, records: Records, criteria: AuditFilter, scope: Scope, limit: int
) -> None:
    selected = [each for each in records if audit_answers.matches(each, criteria)]
    expected = [each for each in selected if audit_answers.is_in_scope(each, scope)]
    found: list[AuditRecord] = []
    after = None
    for _ in range(4):
        page = await source.list(criteria, scope, limit=limit, after=after)
        assert page.omitted == audit_answers.omitted(records, criteria, scope)
        found += page.records
        if (after := page.next) is None:
            break
    # Records of the same time have no particular order.
    by_receipt = {each.receipt: each for each in expected}
    assert found == [by_receipt.get(each.receipt) for each in found]
    assert len({each.receipt for each in found}) == len(found)
    times = [each.start_time.ToNanoseconds() for each in expected[: limit * 4]]
    assert [each.start_time.ToNanoseconds() for each in found] == times


@settings(max_examples=40)
@given(
    criteria=sparse_filters,
    scope=scopes,
    dimensions=st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=4, unique=True),
)
async def test_summary_counts_the_matching_calls(
    source: AuditSource, records: Records, criteria: AuditFilter, scope: Scope, dimensions: Sequence[Any]
) -> None:
    selected = [each for each in records if audit_answers.matches(each, criteria)]
    selected = [each for each in selected if audit_answers.is_in_scope(each, scope)]
    expected = audit_answers.groups(selected, dimensions)
    summary = await source.summarize(criteria, scope, group_by=dimensions, limit=100_000)
    found = {tuple(group.values): group for group in summary.groups}
    assert found.keys() == expected.keys()
    assert len(summary.groups) == len(found)
    assert not summary.truncated
    assert summary.omitted == audit_answers.omitted(records, criteria, scope)
    for key, group in found.items():
        assert_equal(group, expected[key])


def assert_equal(found: AuditGroup, expected: audit_answers.ExpectedGroup) -> None:
    counts = (found.calls, found.denied_calls, found.failed_calls, found.unknown_calls)
    assert counts == (expected.calls, expected.denied, expected.failed, expected.unknown)
    percentiles = ((found.HasField("p50"), found.p50, 0.5), (found.HasField("p99"), found.p99, 0.99))
    for is_present, duration, share in percentiles:
        assert is_present == bool(expected.durations)
        if expected.durations:
            exact = expected.durations[math.ceil(share * len(expected.durations)) - 1]
            assert duration.ToMicroseconds() == pytest.approx(exact, rel=0.05, abs=1)


async def test_groups_by_time_are_in_order_and_others_largest_first(source: AuditSource) -> None:
    by_day = await source.summarize(
        AuditFilter(), Scope(), group_by=[AUDIT_DIMENSION_CALLER, AUDIT_DIMENSION_DAY], limit=1000
    )
    days = [group.values[1] for group in by_day.groups]
    assert days == sorted(days)
    by_caller = await source.summarize(AuditFilter(), Scope(), group_by=[AUDIT_DIMENSION_CALLER], limit=1000)
    calls = [group.calls for group in by_caller.groups]
    assert calls == sorted(calls, reverse=True)


async def test_only_the_largest_groups_are_returned(source: AuditSource) -> None:
    all_groups = await source.summarize(AuditFilter(), Scope(), group_by=[AUDIT_DIMENSION_CALLER], limit=1000)
    summary = await source.summarize(AuditFilter(), Scope(), group_by=[AUDIT_DIMENSION_CALLER], limit=2)
    assert summary.truncated
    assert list(summary.groups) == list(all_groups.groups)[:2]


async def test_record_is_found_by_request_and_by_each_receipt(
    source: AuditSource, records: Records, directory: Path
) -> None:
    for record in records[::50]:
        by_receipt = await source.get(Scope(), receipt=record.receipt)
        assert by_receipt is not None
        assert by_receipt.record == record
        assert by_receipt.journal_records[-1].receipt == record.receipt
        if not record.request_id:
            continue
        found = await source.get(Scope(), request_id=record.request_id)
        assert found is not None
        assert (found.record, found.journal_records) == (record, by_receipt.journal_records)
        first = await source.get(Scope(), receipt=found.journal_records[0].receipt)
        assert first is not None
        assert first.record == record


async def test_record_outside_of_the_scope_is_not_found(source: AuditSource, records: Records) -> None:
    for record in [each for each in records if each.request_id][::100]:
        for log in LOGS:
            scope = Scope(frozenset({log}))
            for found in (
                await source.get(scope, request_id=record.request_id),
                await source.get(scope, receipt=record.receipt),
            ):
                assert (found is not None) == audit_answers.is_in_scope(record, scope)


@pytest.mark.parametrize("receipt", ["", "x", "gw-1:1:" + "0" * 64])
async def test_unknown_receipt_is_not_found(source: AuditSource, receipt: str) -> None:
    assert await source.get(Scope(), receipt=receipt) is None
