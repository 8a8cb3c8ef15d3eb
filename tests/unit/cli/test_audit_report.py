"""`audit report`: groups of calls as tables, CSV, and JSON."""

import csv
import io
import json
from typing import Any

import pytest
from google.rpc import code_pb2

from gateway.cli.audit_reader import SourceReader
from keyway.audit import options
from keyway.audit.query import OptionError
from keyway.audit.report import KINDS, kinds_of, print_reports
from keyway.terminal.screen import Screen
from keyway.v1 import audit_record_pb2 as contract
from tests.support.audit_records import audit_record, option_values
from tests.support.audit_source import MemorySource

DENIED = {"denied": True, "outcome": contract.AUDIT_OUTCOME_FAILURE, "status": code_pb2.PERMISSION_DENIED}
DAY = 86_400


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(
        [
            *(audit_record(number) for number in range(3)),
            audit_record(DAY, action="Decrypt", caller="sub:kim"),
            audit_record(4, action="GetSecret", private_material=True, resources=["providers/nhn-keys/secrets/s"]),
            audit_record(5, action="GetKey", **DENIED),
            audit_record(6, outcome=contract.AUDIT_OUTCOME_UNKNOWN, status=code_pb2.UNAVAILABLE),
            audit_record(7, caller="unknown", action="", calls=40, request_id="", resources=[], **DENIED | {
                "denied": False, "status": code_pb2.UNAUTHENTICATED, "reason": "UNAUTHENTICATED",
            }),
        ]
    )  # fmt: skip


async def reported(source: MemorySource, *kinds: str, **values: Any) -> int:
    return await print_reports(SourceReader(source), kinds, option_values(options.REPORT, **values), Screen())


async def json_of(
    source: MemorySource, capsys: pytest.CaptureFixture[str], *kinds: str, **values: Any
) -> list[dict[str, Any]]:
    assert await reported(source, *kinds, format="json", **values) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_key_usage_is_counted_by_day_caller_action_and_key(
    source: MemorySource, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = await json_of(source, capsys, "keys")
    assert [(row["day"], row["caller"], row["action"], row["resource"], row["calls"]) for row in rows] == [
        ("2026-11-30", "spiffe://example.com/orders", "Encrypt", "providers/nhn-keys/keys/orders-key", 4),
        ("2026-12-01", "sub:kim", "Decrypt", "providers/nhn-keys/keys/orders-key", 1),
    ]


async def test_each_report_selects_its_calls(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["action"] for row in await json_of(source, capsys, "private")] == ["GetSecret"]
    assert [(row["action"], row["denied_calls"]) for row in await json_of(source, capsys, "denials")] == [("GetKey", 1)]
    assert [row["calls"] for row in await json_of(source, capsys, "unknown")] == [1]
    (peers,) = await json_of(source, capsys, "peers")
    assert (peers["peer"], peers["status"], peers["reason"], peers["calls"]) == (
        "192.0.2.7", "UNAUTHENTICATED", "UNAUTHENTICATED", 40,
    )  # fmt: skip


async def test_filters_narrow_every_report(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["caller"] for row in await json_of(source, capsys, "keys", caller="sub:kim")] == ["sub:kim"]
    assert [row["action"] for row in await json_of(source, capsys, "keys", action=("Decrypt",))] == ["Decrypt"]
    assert await json_of(source, capsys, "keys", action=("GetSecret",)) == []
    assert await json_of(source, capsys, "peers", caller="sub:kim") == []
    assert await json_of(source, capsys, "unknown", outcome="success") == []


async def test_csv_has_the_same_columns_for_every_report(
    source: MemorySource, capsys: pytest.CaptureFixture[str]
) -> None:
    await reported(source, format="csv")
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == [
        *("report", "day", "caller", "peer", "action", "resource", "status", "reason"),
        *("calls", "denied_calls", "failed_calls", "unknown_calls", "p50_ms", "p99_ms"),
    ]
    assert {len(row) for row in rows} == {len(header)}
    assert {row[0] for row in rows} == set(KINDS)


async def test_table_has_a_title_for_each_report(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    source.records = source.records[:3]
    await reported(source)
    text = capsys.readouterr().out
    assert [kind.title in text for kind in KINDS.values()] == [True] * len(KINDS)
    assert text.count("\n  none\n") == len(KINDS) - 1


def test_unknown_report_is_rejected() -> None:
    with pytest.raises(OptionError, match="unknown report 'key'; choose from keys, private, denials"):
        kinds_of(["key"])
