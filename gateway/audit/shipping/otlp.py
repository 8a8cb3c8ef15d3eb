"""Journal records as OTLP log records. Knows the data model, not how it is sent.

The body is the record's body as it stands, byte for byte; together with the attributes it is all of the record, so that
whoever receives them can put the line together again and verify the chain.
"""

import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from gateway import __version__
from gateway.audit.records import Record

SCOPE: Final = "keyway.audit"
CHAIN: Final = "keyway.audit.chain"
SEQUENCE: Final = "keyway.audit.sequence"
PREVIOUS: Final = "keyway.audit.previous"
KIND: Final = "keyway.audit.kind"
HASH: Final = "keyway.audit.hash"

_INFO: Final = (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO")
_WARN: Final = (SeverityNumber.SEVERITY_NUMBER_WARN, "WARN")
_UNKNOWN, _FAILURE = 0, 2
_SEVERITIES: Final = {_UNKNOWN: _WARN, _FAILURE: _WARN}
"""By OCSF's `status_id`: a failed call, and one of which nobody knows whether it was done."""
_SEVERITIES_OF_KINDS: Final = {"recovery": _WARN, "interruption": _WARN}
"""A chain that had to be mended, or that could not be written for a while."""


class NotUnicodeError(ValueError):
    """A record's body is not UTF-8 text: OTLP can't carry it."""


def resource(chain: str) -> Resource:
    """Who the records are from. A chain has one writer at a time: it names the instance, also over restarts."""
    return Resource(
        attributes=[
            _text("service.name", "keyway"),
            _text("service.version", __version__),
            _text("service.instance.id", chain),
            _text("host.name", socket.gethostname()),
        ]
    )


def request(of: Resource, records: Iterable[LogRecord]) -> ExportLogsServiceRequest:
    """An export of these records; of none, it only asks whether the collector is there."""
    logs = ScopeLogs(scope=InstrumentationScope(name=SCOPE, version=__version__), log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=of, scope_logs=[logs])])


def log_record(record: Record) -> LogRecord:
    """One record. Its time is the event's own, its severity that of the outcome.

    MalformedRecord or NotUnicodeError where it can't be carried.
    """
    try:
        body = record.body.decode()
    except UnicodeDecodeError:
        raise NotUnicodeError("its body is not UTF-8 text") from None
    event = record.value()
    severity, severity_text = _SEVERITIES_OF_KINDS.get(record.kind) or _SEVERITIES.get(
        event.get("status_id", -1), _INFO
    )
    trace = _mapping(event, "trace")
    return LogRecord(
        time_unix_nano=_nanoseconds(event.get("time")),
        observed_time_unix_nano=time.time_ns(),
        severity_number=severity,
        severity_text=severity_text,
        event_name=_event_name(record, event),
        body=AnyValue(string_value=body),
        attributes=[
            _text(CHAIN, record.chain),
            KeyValue(key=SEQUENCE, value=AnyValue(int_value=record.sequence)),
            _text(PREVIOUS, record.previous),
            _text(KIND, record.kind),
            _text(HASH, record.hash),
        ],
        trace_id=_identifier(trace.get("uid"), 16),
        span_id=_identifier(_mapping(trace, "span").get("uid"), 8),
    )


def _event_name(record: Record, event: Mapping[str, Any]) -> str:
    code = _mapping(event, "metadata").get("event_code") if record.kind == "event" else None
    return f"{SCOPE}.{code if isinstance(code, str) else record.kind}"


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _nanoseconds(milliseconds: object) -> int:
    return milliseconds * 1_000_000 if isinstance(milliseconds, int) and 0 <= milliseconds < 1 << 43 else 0


def _identifier(text: object, length: int) -> bytes:
    """A trace or span id; empty where the text is none, as OTLP says it for "not set"."""
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
    return value if len(value) == length and any(value) else b""


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
