"""Conversion of records to OTLP log records."""

from typing import Any

import orjson
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from gateway.journal.format.records import NO_HASH, Kind, encode, parse
from gateway.journal.ship.otlp import Export, UnsupportedRecordError

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# Events written before they conformed to OCSF have the span in the trace.
TRACES = {
    "unmapped": {"trace": {"uid": TRACE_ID}, "unmapped": {"span_uid": SPAN_ID}},
    "in the trace": {"trace": {"uid": TRACE_ID, "span": {"uid": SPAN_ID}}},
}


def line_of(body: bytes, kind: Kind = "event") -> bytes:
    return encode("gw-1", 7, NO_HASH, kind, body)[0]


def carried(kind: Kind = "event", **body: Any) -> LogRecord:
    export = Export()
    size = export.add(parse(line_of(orjson.dumps(body), kind)))
    (record,) = export.request.resource_logs[0].scope_logs[0].log_records
    assert record.ByteSize() < size
    return record


def attributes(holder: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in holder.attributes}


@pytest.mark.parametrize("body", [b'{ "b":1,\t"a":[2, 3.0e1],"b":"\xc3\xa9\\u00e9\\/"}', b"{}"])
def test_line_can_be_reconstructed_from_the_log_record(body: bytes) -> None:
    export = Export()
    export.add(parse(line_of(body)))
    (record,) = export.request.resource_logs[0].scope_logs[0].log_records
    sent = {key.removeprefix("keyway.audit."): value for key, value in attributes(record).items()}
    again, digest = encode(
        sent["chain"], sent["sequence"], sent["previous"], sent["kind"], record.body.string_value.encode()
    )
    assert again == line_of(body)
    assert digest == sent["hash"]


@pytest.mark.parametrize("journal", ["journal-0123456789abcdef", ""])
def test_resource_names_the_journal_if_it_has_an_id(journal: str) -> None:
    export = Export(journal)
    export.add(parse(line_of(b"{}")))
    assert attributes(export.request.resource_logs[0].resource).get("keyway.audit.journal", "") == journal


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_time_trace_and_name_are_those_of_the_event(trace: dict[str, Any]) -> None:
    record = carried(time=1_700_000_000_123, **trace, metadata={"event_code": "outcome"}, status_id=1)
    assert record.time_unix_nano == 1_700_000_000_123_000_000
    assert record.observed_time_unix_nano > record.time_unix_nano
    assert record.trace_id.hex() == TRACE_ID
    assert record.span_id.hex() == SPAN_ID
    assert record.event_name == "keyway.audit.outcome"
    assert carried("checkpoint").event_name == "keyway.audit.checkpoint"


@pytest.mark.parametrize(
    ("kind", "body", "severity"),
    [
        ("event", {"status_id": 1}, SeverityNumber.SEVERITY_NUMBER_INFO),
        ("event", {"status_id": 99}, SeverityNumber.SEVERITY_NUMBER_INFO),
        ("event", {"status_id": 2}, SeverityNumber.SEVERITY_NUMBER_WARN),
        ("event", {"status_id": 0}, SeverityNumber.SEVERITY_NUMBER_WARN),
        ("checkpoint", {}, SeverityNumber.SEVERITY_NUMBER_INFO),
        ("recovery", {}, SeverityNumber.SEVERITY_NUMBER_WARN),
        ("interruption", {}, SeverityNumber.SEVERITY_NUMBER_WARN),
    ],
)
def test_severity_follows_the_outcome(kind: Kind, body: dict[str, Any], severity: int) -> None:
    assert carried(kind, **body).severity_number == severity


@pytest.mark.parametrize(
    "body",
    [
        {"time": "now", "trace": "none", "metadata": [], "status_id": []},
        {"time": -1, "trace": {"uid": "xyz", "span": 1}, "metadata": {"event_code": 5}, "status_id": None},
        {"trace": {"uid": "00" * 16}, "unmapped": {"span_uid": 7}},
        {"time": 1 << 60, "trace": {"uid": "00" * 16, "span": {"uid": "00"}}},
        {"time": True},
    ],
)
def test_members_of_an_unexpected_type_are_omitted(body: dict[str, Any]) -> None:
    record = carried(**body)
    assert record.time_unix_nano in (0, 1_000_000)
    assert not record.trace_id
    assert not record.span_id
    assert record.event_name == "keyway.audit.event"


def test_resource_names_the_service_and_the_chain() -> None:
    export = Export()
    export.add(parse(line_of(b"{}")))
    found = attributes(export.request.resource_logs[0].resource)
    assert found["service.name"] == "keyway"
    assert found["service.instance.id"] == "gw-1"
    assert {"service.version", "host.name"} <= set(found)


def test_last_record_can_be_removed() -> None:
    export = Export()
    export.add(parse(line_of(b'{"a":1}')))
    export.add(parse(line_of(b'{"a":2}')))
    export.remove_last()
    (record,) = export.request.resource_logs[0].scope_logs[0].log_records
    assert record.body.string_value == '{"a":1}'


def test_last_record_can_be_exported_alone() -> None:
    export = Export()
    export.add(parse(line_of(b'{"a":1}')))
    export.add(parse(line_of(b'{"a":2}')))
    again = Export()
    again.add(parse(line_of(b'{"a":2}')))
    (record,) = again.request.resource_logs[0].scope_logs[0].log_records
    (sent,) = export.request.resource_logs[0].scope_logs[0].log_records[1:]
    record.observed_time_unix_nano = sent.observed_time_unix_nano
    assert export.last().request == again.request


def test_body_that_is_not_json_is_rejected_and_leaves_no_record() -> None:
    export = Export()
    with pytest.raises(UnsupportedRecordError):
        export.add(parse(line_of(b'{"a":"\xff"}')))
    assert not export.request.resource_logs
