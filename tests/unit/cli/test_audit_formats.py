"""Output of audit records: table, CSV, JSON, OCSF, with names that are hostile to terminals and spreadsheets."""

import csv
import io
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from gateway.cli.audit_reader import SourceReader
from keyway.audit import commands
from keyway.audit.query import OptionError
from keyway.terminal import table
from keyway.terminal.screen import Screen
from keyway.terminal.text import clean, width
from keyway.v1 import audit_record_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import AuditCoverage, JournalRecord
from tests.support.audit_records import audit_record, option_values
from tests.support.audit_source import MemorySource

HOSTILE = ["\x1b[2J", "a\nb", "a\rb", "\x9b31m", "a\u202egnp.exe", "a\u2028b", "tab\there"]
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1", " =1", "\t=1", "\r\n=1"]
HEADER = [
    *("time", "caller", "peer", "action", "resource", "outcome"),
    *("status", "reason", "policy", "duration_ms", "request_id", "calls", "surface"),
]


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


async def listed(source: MemorySource, **values: Any) -> int:
    return await commands.list_records(SourceReader(source), option_values(**values), Screen())


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


async def test_csv_has_the_documented_columns(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    source.records = [
        audit_record(
            1,
            action="DownloadCertificateWithPrivateKey",
            resources=["providers/p/certificates/a", "providers/p/certificates/b"],
            outcome=contract.AUDIT_OUTCOME_FAILURE,
            status=code_pb2.PERMISSION_DENIED,
            reason="PERMISSION_DENIED",
            denied=True,
            policies=["audit", "baseline"],
        )
    ]
    assert await listed(source, format="csv") == 0
    header, row = rows_of(capsys.readouterr().out)
    assert header == HEADER
    assert dict(zip(header, row, strict=True)) == {
        "time": "2026-11-30T09:00:01.000Z",
        "caller": "spiffe://example.com/orders",
        "peer": "192.0.2.7",
        "action": "DownloadCertificateWithPrivateKey",
        "resource": "providers/p/certificates/a; providers/p/certificates/b",
        "outcome": "denied",
        "status": "PERMISSION_DENIED",
        "reason": "PERMISSION_DENIED",
        "policy": "audit; baseline",
        "duration_ms": "12.5",
        "request_id": "r1",
        "calls": "1",
        "surface": "",
    }


@pytest.mark.parametrize("form", ["csv", "table"])
async def test_columns_are_chosen(source: MemorySource, capsys: pytest.CaptureFixture[str], form: str) -> None:
    source.records = [audit_record(1)]
    assert await listed(source, format=form, columns="calls, caller,peer") == 0
    text = capsys.readouterr().out.lower()
    head, row = rows_of(text) if form == "csv" else [line.split() for line in text.splitlines()]
    assert head == ["calls", "caller", "peer"]
    assert row == ["1", "spiffe://example.com/orders", "192.0.2.7"]


@pytest.mark.parametrize(
    ("form", "columns", "said"),
    [
        ("csv", "time,callers", "--columns: 'callers' is not one of time, caller, peer"),
        ("json", "time", "--columns: not possible with --format json; use table or csv"),
    ],
)
async def test_invalid_columns_are_rejected(source: MemorySource, form: str, columns: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        await listed(source, format=form, columns=columns)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("members", "outcome", "status"),
    [
        ({}, "success", "OK"),
        ({"outcome": contract.AUDIT_OUTCOME_FAILURE, "status": code_pb2.NOT_FOUND}, "failure", "NOT_FOUND"),
        ({"outcome": contract.AUDIT_OUTCOME_UNKNOWN, "status": code_pb2.UNAVAILABLE}, "unknown", "UNAVAILABLE"),
        ({"outcome": contract.AUDIT_OUTCOME_PENDING}, "pending", "PENDING"),
        ({"denied": True}, "partly denied", "OK"),
        ({"denied": True, "outcome": contract.AUDIT_OUTCOME_UNKNOWN}, "unknown", "OK"),
        ({"denied": True, "outcome": contract.AUDIT_OUTCOME_PENDING}, "pending", "PENDING"),
        ({"outcome": 99, "status": 99}, "99", "99"),
    ],
)
async def test_outcome_and_status_are_printed_as_names(
    source: MemorySource, capsys: pytest.CaptureFixture[str], members: dict[str, Any], outcome: str, status: str
) -> None:
    source.records = [audit_record(**members)]
    await listed(source, format="csv")
    row = rows_of(capsys.readouterr().out)[1]
    assert (row[HEADER.index("outcome")], row[HEADER.index("status")]) == (outcome, status)


@pytest.mark.parametrize("text", FORMULAS)
async def test_csv_cells_are_not_formulas(source: MemorySource, capsys: pytest.CaptureFixture[str], text: str) -> None:
    source.records = [audit_record(caller=text, resources=[text], policies=[text], request_id=text, reason=text)]
    await listed(source, format="csv")
    row = rows_of(capsys.readouterr().out)[1]
    assert [cell for cell in row if cell.startswith(tuple("=+-@＝＋－＠\t\r "))] == []
    assert row[HEADER.index("caller")] == clean(f"'{text}")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", ["table", "csv"])
async def test_control_characters_are_escaped(
    source: MemorySource, capsys: pytest.CaptureFixture[str], form: str, text: str
) -> None:
    source.records = [audit_record(caller=text, resources=[text], policies=[text], request_id=text, peer_address=text)]
    await listed(source, format=form)
    output = capsys.readouterr().out
    assert output.count("\n") == 2
    assert output.replace("\n", "").isprintable()
    assert clean(text) in output


@pytest.mark.parametrize("text", [*HOSTILE, "한글", "=1"])
async def test_json_is_the_record(source: MemorySource, capsys: pytest.CaptureFixture[str], text: str) -> None:
    source.records = [audit_record(caller=text), audit_record(1, resources=[text])]
    await listed(source, format="json")
    lines = capsys.readouterr().out.split("\n")[:-1]
    assert [json_format.Parse(line, AuditRecord()) for line in lines] == source.records[::-1]


async def test_json_on_a_terminal_has_no_control_characters(
    source: MemorySource, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    source.records = [audit_record(caller="".join(HOSTILE))]
    await listed(source, format="json", no_pager=True)
    output = capsys.readouterr().out
    assert output.replace("\n", "").isprintable()
    assert json.loads(output)["caller"] == source.records[0].caller


async def test_ocsf_prints_the_events_unchanged(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    source.records = [audit_record()]
    events = ['{"b":1,"a":"\\u001b"}', '{ "a": 2 }']
    source.events = {source.records[0].receipt: [JournalRecord(event_json=event) for event in events]}
    await listed(source, format="ocsf")
    assert capsys.readouterr().out.splitlines() == events


async def test_table_shows_calls_only_if_some_were_recorded_together(
    source: MemorySource, capsys: pytest.CaptureFixture[str]
) -> None:
    source.records = [audit_record()]
    await listed(source)
    assert "Calls" not in capsys.readouterr().out
    source.records.append(audit_record(1, calls=30, request_id=""))
    await listed(source)
    assert capsys.readouterr().out.splitlines()[1].endswith("30")


async def test_limit_applies_across_pages(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    source.records = [audit_record(number) for number in range(2500)]
    await listed(source, format="json", limit=3)
    output, errors = capsys.readouterr()
    assert [json.loads(line)["requestId"] for line in output.splitlines()] == ["r2499", "r2498", "r2497"]
    assert "only the newest 3 rows are shown; for more, pass --limit N, or --limit 0 for all rows" in errors
    await listed(source, format="json", limit=1)
    assert "only the newest row is shown; for more" in capsys.readouterr().err
    await listed(source, format="json", limit=2500)
    output, errors = capsys.readouterr()
    assert (len(output.splitlines()), errors) == (2500, "")
    assert source.pages == [4, 2, 1000, 1000, 1000]
    await listed(source, format="json", limit=0)
    assert len(capsys.readouterr().out.splitlines()) == 2500


async def test_several_actions_are_listed_in_the_order_of_time(
    source: MemorySource, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = ["DeleteCertificate", "Encrypt", "ImportTrustedAuthority", "UploadCertificate"]
    source.records = [audit_record(number, action=actions[number % 4]) for number in range(40)]
    await listed(source, format="json", action=("ManageCertificates", "ImportTrustedAuthority"), limit=9)
    found = [json.loads(line)["requestId"] for line in capsys.readouterr().out.splitlines()]
    assert found == [f"r{number}" for number in reversed(range(40)) if number % 4 != 1][:9]


async def test_unknown_reason_is_noted(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    for known in ("KEY_NOT_FOUND", "UNIMPLEMENTED", "GATEWAY_STOPPED"):
        await listed(source, reason=known)
        assert capsys.readouterr().err == "keyway: no records\n"
    await listed(source, reason="KEY_NOT_FUND")
    note = "keyway: --reason: this version does not know the reason 'KEY_NOT_FUND'; did you mean 'KEY_NOT_FOUND'?"
    assert capsys.readouterr().err.splitlines() == [note, "keyway: no records"]


async def test_unknown_action_is_noted(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    await listed(source, action=("Encript", "UseKeys", "DownloadCertificateWithPrivateKey"))
    notes = capsys.readouterr().err.splitlines()
    assert notes == [
        "keyway: --action: this version does not know the action 'Encript'; did you mean 'Encrypt'?",
        "keyway: no records",
    ]


async def test_missing_records_are_noted(source: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    source.omitted = 12
    assert await listed(source) == 0
    assert capsys.readouterr() == (
        "",
        "keyway: no records\nkeyway: 12 calls in the time range are omitted: you may not read their audit logs\n",
    )
    source.omitted = 0
    source.coverage = AuditCoverage(complete=False, incomplete_reason="the index is being built\x1b")
    source.coverage.indexed_time.CopyFrom(audit_record().start_time)
    source.records = [audit_record()]
    assert await listed(source) == 1
    note = "the answer is not complete: the index is being built\\x1b; complete until 2026-11-30T09:00:00.000Z"
    assert capsys.readouterr().err == f"keyway: {note}\n"


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("한글", 4), ("日本語", 6), ("e\u0301", 1), ("ｱ", 1), ("Ａ", 2), ("\u1112\u1161\u11ab", 2)],
)
def test_width_counts_terminal_cells(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize("terminal", [20, 60, 80, 100, 200])
def test_table_fits_the_terminal(terminal: int) -> None:
    columns = [table.TableColumn("Time"), table.TableColumn("Caller"), table.TableColumn("Peer", terminal=150)]
    rows = [["2026-11-30T09:00:00.000Z", "인증서 " * 30, "192.0.2.7"], ["x", "y", "z"]]
    lines = list(table.table(columns, rows, terminal))
    assert max(map(width, lines)) <= terminal
    assert ("Peer" in lines[0]) == (terminal >= 150)
    assert "".join(lines).count("증") == 30


def test_numbers_are_not_wrapped() -> None:
    columns = [table.TableColumn("Name"), table.TableColumn("Calls", right=True)]
    lines = list(table.table(columns, [["abcdefghijklmnop", "123456789"]], 16))
    assert lines == ["Name       Calls", "abcde  123456789", "fghij", "klmno", "p"]


def test_table_in_a_file_is_aligned_and_not_wrapped() -> None:
    columns = [table.TableColumn("Name"), table.TableColumn("N", right=True), table.TableColumn("End")]
    assert list(table.table(columns, [["한글", "1", "x" * 300], ["a", "22", ""]])) == [
        "Name   N  End",
        f"한글   1  {'x' * 300}",
        "a     22",
    ]
