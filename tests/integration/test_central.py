"""Audit queries that a real VictoriaLogs answers, with the records of several journals behind a real collector."""

import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from gateway.audit_query.index.offline import open_offline
from gateway.audit_query.source import AuditSource, Scope
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_UNKNOWN,
    AuditFilter,
    AuditRecord,
)
from keyway.v1.audit_service_pb2 import AuditDimension
from tests.support.audit_history import BEGIN, Past, PastCall, history, write_history
from tests.support.central import EVERYTHING, Central, central_store, in_order, journal_id, listed

pytestmark = pytest.mark.xdist_group("central")

CALLS = 300
JOURNALS = 2
ODD_NAMES = (
    'providers/nhn-keys/keys/a"b',
    "providers/nhn-keys/keys/a\\",
    "providers/nhn-keys/keys/a\\/versions/1",
    'providers/nhn-certs/certificates/"providers/asteria/certificates/x',
    'x"providers/nhn-certs/certificates/y',
    "providers/nhn-certs/certificates/\n\u2028\x7f<&>\N{HANGUL SYLLABLE GA}",
    'providers/a"b/keys/c',
    "providers//keys/c",
    "providers/-/keys/c",
    "providers/nhn-certs",
)


@pytest.fixture(scope="module")
async def journals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Journals of two gateways, with a known history."""
    folder = tmp_path_factory.mktemp("journals")
    directories = [folder / f"gateway-{number}" for number in range(JOURNALS)]
    for seed, directory in enumerate(directories):
        calls = [each for each in history(CALLS, seed=seed) if not isinstance(each, PastCall) or each.result]
        await write_history(directory, [*calls, *odd_calls(calls)])
    return directories


def odd_calls(calls: Sequence[Past]) -> Iterator[PastCall]:
    """Yield calls with names that JSON escapes, or that look like those of another provider."""
    usual = (each for each in calls if isinstance(each, PastCall))
    for past, name in zip(usual, ODD_NAMES, strict=False):
        details = dataclasses.replace(
            past.details, resources=[("keyway.dev/Key", name)], request_id=f"odd-{past.details.request_id}"
        )
        yield dataclasses.replace(past, details=details)


@pytest.fixture(scope="module")
async def central(tmp_path_factory: pytest.TempPathFactory, journals: list[Path]) -> AsyncIterator[Central]:
    async with central_store(tmp_path_factory.mktemp("central")) as central:
        await central.ship(*journals)
        await central.ship_again(journals[1])
        await central.store.insert([{"_msg": "a log of something else", "_time": "2026-01-01T00:00:00Z", "app": "x"}])
        yield central


@pytest.fixture(scope="module")
async def source(central: Central) -> AsyncIterator[AuditSource]:
    async with central.source() as source:
        yield source


@pytest.fixture(scope="module")
async def local(journals: list[Path]) -> AsyncIterator[list[AuditSource]]:
    """The local sources of the journals."""
    async with AsyncExitStack() as exits:
        sources = [open_offline(directory) for directory in journals]
        for each in sources:
            exits.push_async_callback(each.close)
        yield sources


def at(days: float) -> datetime:
    return datetime.fromtimestamp(BEGIN + days * 86_400, UTC)


FILTERS: dict[str, dict[str, Any]] = {
    "everything": {},
    "a caller": {"caller": "spiffe://example.org/service-1"},
    "an action": {"action": "Encrypt"},
    "with the private key": {"action": "DownloadCertificateWithPrivateKey"},
    "without the private key": {"action": "DownloadCertificate"},
    "an unknown action": {"action": "Reticulate"},
    "a provider": {"provider": "asteria"},
    "the log of the gateway": {"provider": "keyway:gateway"},
    "a status": {"status": code_pb2.NOT_FOUND},
    "the status OK": {"status": code_pb2.OK},
    "the status UNKNOWN": {"status": code_pb2.UNKNOWN},
    "a reason": {"reason": "PROVIDER_TIMEOUT"},
    "denied": {"denied": True},
    "not denied": {"denied": False},
    "private material": {"private_material": True},
    "no private material": {"private_material": False},
    "an unknown outcome": {"outcome": AUDIT_OUTCOME_UNKNOWN},
    "a time range": {"start_time": at(3), "end_time": at(20.5)},
    "all at once": {"start_time": at(1), "action": "Encrypt", "provider": "nhn-keys", "status": code_pb2.OK},
}

NOTHING = [FILTERS[name] for name in ("an unknown action", "the log of the gateway", "the status UNKNOWN")]

DIMENSIONS: list[tuple[AuditDimension.ValueType, ...]] = [
    (AuditDimension.AUDIT_DIMENSION_CALLER, AuditDimension.AUDIT_DIMENSION_DAY),
    (AuditDimension.AUDIT_DIMENSION_ACTION, AuditDimension.AUDIT_DIMENSION_PROVIDER),
    (AuditDimension.AUDIT_DIMENSION_STATUS, AuditDimension.AUDIT_DIMENSION_REASON),
    (AuditDimension.AUDIT_DIMENSION_RESOURCE,),
    (AuditDimension.AUDIT_DIMENSION_HOUR, AuditDimension.AUDIT_DIMENSION_PEER_ADDRESS),
]


def criteria_of(values: dict[str, Any]) -> AuditFilter:
    criteria = AuditFilter()
    for name, value in values.items():
        if isinstance(value, datetime):
            getattr(criteria, name).FromDatetime(value)
        else:
            setattr(criteria, name, value)
    return criteria


async def expected(local: list[AuditSource], criteria: AuditFilter, scope: Scope = EVERYTHING) -> list[AuditRecord]:
    return in_order([record for each in local for record in await listed(each, criteria, scope)])


@pytest.mark.parametrize("values", FILTERS.values(), ids=FILTERS)
async def test_list_has_the_records_of_all_local_lists(
    source: AuditSource, local: list[AuditSource], values: dict[str, Any]
) -> None:
    criteria = criteria_of(values)
    found = await listed(source, criteria)
    assert in_order(found) == await expected(local, criteria)
    assert [each.start_time.ToMilliseconds() for each in found] == sorted(
        (each.start_time.ToMilliseconds() for each in found), reverse=True
    )
    assert bool(found) == (values not in NOTHING)


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
async def test_resource_with_unusual_characters_is_found(
    source: AuditSource, local: list[AuditSource], name: str
) -> None:
    found = await listed(source, AuditFilter(resource=name))
    assert in_order(found) == await expected(local, AuditFilter(resource=name))
    assert found


async def test_resource_is_found_by_each_of_its_names(source: AuditSource, local: list[AuditSource]) -> None:
    record = next(record for record in await listed(source, AuditFilter(action="Sign")))
    (version,) = record.resources
    key = version.rpartition("/versions/")[0]
    names = {version, key, key.rpartition("/")[2], f"nhn-keys/{key.rpartition('/')[2]}"}
    for name in names:
        found = await listed(source, AuditFilter(resource=name))
        assert record in found
        assert in_order(found) == await expected(local, AuditFilter(resource=name))
    assert await listed(source, AuditFilter(resource=key[:-1])) == await expected(local, AuditFilter(resource=key[:-1]))


@pytest.mark.parametrize("group_by", DIMENSIONS, ids=lambda each: "+".join(map(AuditDimension.Name, each)))
async def test_summary_adds_up_the_local_summaries(
    source: AuditSource, local: list[AuditSource], group_by: tuple[AuditDimension.ValueType, ...]
) -> None:
    for criteria in (AuditFilter(), criteria_of({"start_time": at(3.3), "end_time": at(20.5), "denied": False})):
        found = await source.summarize(criteria, EVERYTHING, group_by=group_by, limit=10_000)
        parts = [await each.summarize(criteria, EVERYTHING, group_by=group_by, limit=10_000) for each in local]
        assert counts(found.groups) == counts([group for part in parts for group in part.groups])
        assert not found.truncated


def counts(groups: Any) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for group in groups:
        own = [group.calls, group.denied_calls, group.failed_calls, group.unknown_calls]
        found[tuple(group.values)] = [a + b for a, b in zip(found.get(tuple(group.values), [0] * 4), own, strict=True)]
    return found


async def test_percentiles_are_within_5_percent(source: AuditSource) -> None:
    group_by = (AuditDimension.AUDIT_DIMENSION_ACTION,)
    summary = await source.summarize(AuditFilter(action="Encrypt"), EVERYTHING, group_by=group_by, limit=1)
    records = await listed(source, AuditFilter(action="Encrypt"))
    durations = sorted(record.duration.ToMicroseconds() for record in records if record.HasField("duration"))
    (group,) = summary.groups
    assert group.p50.ToMicroseconds() == pytest.approx(durations[(len(durations) - 1) // 2], rel=0.05)
    assert group.p99.ToMicroseconds() == pytest.approx(durations[-(-99 * len(durations) // 100) - 1], rel=0.05)


async def test_scope_hides_records_everywhere_and_counts_them(source: AuditSource, local: list[AuditSource]) -> None:
    scope = Scope(frozenset({"nhn-certs"}), counts_omitted=True)
    found = await listed(source, AuditFilter(), scope)
    assert in_order(found) == await expected(local, AuditFilter(), scope)
    assert {log for record in found for log in record.audit_logs} == {"auditLogs/nhn-certs"}
    page = await source.list(AuditFilter(), scope, limit=1, after=None)
    everything = await listed(source, AuditFilter())
    assert page.omitted == sum(record.calls for record in everything) - sum(record.calls for record in found)
    by_provider = (AuditDimension.AUDIT_DIMENSION_PROVIDER,)
    summary = await source.summarize(AuditFilter(), scope, group_by=by_provider, limit=100)
    assert [list(group.values) for group in summary.groups] == [["nhn-certs"]]
    assert summary.omitted == page.omitted
    hidden = next(record for record in everything if record.audit_logs == ["auditLogs/asteria"])
    assert await source.get(scope, request_id=hidden.request_id) is None
    assert await source.get(scope, receipt=hidden.receipt) is None
    for logs in ({"keyway:gateway"}, {"keyway:gateway", "asteria"}, {"nhn-keys", "asteria"}, {"other"}, set[str]()):
        several = Scope(frozenset(logs))
        assert in_order(await listed(source, AuditFilter(), several)) == await expected(local, AuditFilter(), several)
        together = await source.summarize(AuditFilter(), several, group_by=by_provider, limit=100)
        parts = [await each.summarize(AuditFilter(), several, group_by=by_provider, limit=100) for each in local]
        assert counts(together.groups) == counts([group for part in parts for group in part.groups])
    only = Scope(frozenset({"nhn-certs"}))
    assert (await source.list(AuditFilter(), only, limit=1, after=None)).omitted == 0


async def test_call_is_found_by_request_id_and_by_receipt(source: AuditSource, local: list[AuditSource]) -> None:
    record = (await listed(local[1], AuditFilter(action="Encrypt")))[5]
    by_request = await source.get(EVERYTHING, request_id=record.request_id)
    same = await local[1].get(EVERYTHING, request_id=record.request_id)
    assert by_request is not None
    assert same is not None
    assert by_request.record == same.record == record
    assert by_request.journal_records == same.journal_records
    for receipt in (each.receipt for each in by_request.journal_records):
        found = await source.get(EVERYTHING, receipt=receipt)
        assert found is not None
        assert found.record == record
    wrong_hash = f"{record.receipt[:-4]}0000"
    for missing in ({"request_id": "none"}, {"receipt": wrong_hash}, {"receipt": "not a receipt"}):
        assert await source.get(EVERYTHING, **missing) is None


async def test_coverage_names_all_journals_and_is_complete(source: AuditSource, journals: list[Path]) -> None:
    page = await source.list(AuditFilter(), EVERYTHING, limit=1, after=None)
    assert list(page.coverage.journals) == sorted(map(journal_id, journals))
    assert (page.coverage.complete, page.coverage.incomplete_reason) == (True, "")
    assert page.coverage.indexed_time.ToDatetime(UTC) <= datetime.now(UTC)


async def test_answer_is_not_complete_without_an_expected_journal(central: Central, journals: list[Path]) -> None:
    absent = "journal-0123456789abcdef"
    async with central.source(journals=[absent, journal_id(journals[0])]) as source:
        coverage = (await source.list(AuditFilter(), EVERYTHING, limit=1, after=None)).coverage
    assert not coverage.complete
    assert coverage.incomplete_reason == f"the store has no records of {absent}"


HOSTILE = (
    '" or "',
    '"',
    "\\",
    '\\" or *',
    "a' or '1'='1",
    "`",
    "x | delete caller",
    "x\n| fields caller",
    "\r\n\x00\x7f",
    '") or ("',
    "*",
    "~.*",
    ".*",
    "in(*)",
    "spiffe://example.org/service-1*",
    "options(ignore_global_time_filter=true)",
    "# comment",
    "{x}",
    "\u2028\ufeff\N{HANGUL SYLLABLE GA}\U0001f511",
    "\\x22",
    "\\",
    "a" * 4000,
    "a/" * 2000,
    "\x01" * 4096,
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_filter_value_is_compared_literally(source: AuditSource, text: str) -> None:
    for name in ("caller", "resource", "provider", "action", "reason"):
        criteria = AuditFilter(**{name: text})  # type: ignore[arg-type]
        group_by = (AuditDimension.AUDIT_DIMENSION_CALLER,)
        assert not (await source.summarize(criteria, EVERYTHING, group_by=group_by, limit=9)).groups
    assert not (await source.list(criteria, EVERYTHING, limit=9, after=None)).records
    assert await source.get(EVERYTHING, request_id=text) is None
