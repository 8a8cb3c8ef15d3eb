"""Conversion of journal records to OTLP log records. Independent of the transport.

The body is the body of the record, byte for byte. Body and attributes contain the whole record, so a receiver can
reconstruct the line and verify the chain.
"""

import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from gateway import __version__
from gateway.journal.format.records import MalformedRecord, Record
from gateway.journal.ship.attributes import CHAIN, HASH, JOURNAL, KIND, PREVIOUS, SEQUENCE

SCOPE: Final = "keyway.audit"

_HOST: Final = socket.gethostname()
_FRAME_BYTES: Final = 8
"""The bytes of the tag and the length of a record in its list."""
_INFO: Final = (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO")
_WARN: Final = (SeverityNumber.SEVERITY_NUMBER_WARN, "WARN")
_UNKNOWN, _FAILURE = 0, 2
_SEVERITIES: Final = {_UNKNOWN: _WARN, _FAILURE: _WARN}
"""By the `status_id` of OCSF: a failed call, and a call with an unknown outcome."""
_SEVERITIES_OF_KINDS: Final = {"recovery": _WARN, "interruption": _WARN}
"""Records of a recovery after a crash, and of an outage."""


class UnsupportedRecordError(ValueError):
    """A record can't be sent as OTLP. The message says why."""


class Export:
    """An export of records of one chain. An export without records only checks that the collector is alive.

    journal: the ID of the journal, from the manifest; empty if the journal has none yet.
    """

    def __init__(self, journal: str = "") -> None:
        self.request = ExportLogsServiceRequest()
        self._journal = journal
        self._records: Any = None

    def add(self, record: Record) -> int:
        """Add a record; return its size in bytes. Raises UnsupportedRecordError.

        Fills the message in place: building it separately and copying it takes three times as long.
        """
        event = _event(record)
        if self._records is None:
            self._records = self._begin(record.chain)
        added: LogRecord = self._records.add()
        _fill(added, record, event)
        return added.ByteSize() + _FRAME_BYTES

    def remove_last(self) -> None:
        """Remove the record that was added last."""
        del self._records[-1]

    def last(self) -> "Export":
        """Return an export of the last record only, to send it again."""
        (logs,) = self.request.resource_logs
        (scoped,) = logs.scope_logs
        again = Export()
        added = again.request.resource_logs.add(resource=logs.resource)
        added.scope_logs.add(scope=scoped.scope, log_records=scoped.log_records[-1:])
        return again

    def _begin(self, chain: str) -> Any:
        """Begin the list. The chain id serves as instance id, because a chain has one writer at a time."""
        logs = self.request.resource_logs.add()
        _set(logs.resource.attributes, "service.name", "keyway")
        _set(logs.resource.attributes, "service.version", __version__)
        _set(logs.resource.attributes, "service.instance.id", chain)
        _set(logs.resource.attributes, "host.name", _HOST)
        if self._journal:
            _set(logs.resource.attributes, JOURNAL, self._journal)
        scoped = logs.scope_logs.add()
        scoped.scope.name = SCOPE
        scoped.scope.version = __version__
        return scoped.log_records


def _event(record: Record) -> Mapping[str, Any]:
    try:
        return record.value()
    except MalformedRecord as error:
        raise UnsupportedRecordError(str(error)) from None


def _fill(added: LogRecord, record: Record, event: Mapping[str, Any]) -> None:
    """Fill in a log record. The time is that of the event, the severity that of the outcome."""
    severity, text = _severity(record, event)
    added.time_unix_nano = _nanoseconds(event.get("time"))
    added.observed_time_unix_nano = time.time_ns()
    added.severity_number = severity
    added.severity_text = text
    added.event_name = _event_name(record, event)
    added.body.string_value = record.body.decode()
    _set(added.attributes, CHAIN, record.chain)
    _set(added.attributes, SEQUENCE, record.sequence)
    _set(added.attributes, PREVIOUS, record.previous)
    _set(added.attributes, KIND, record.kind)
    _set(added.attributes, HASH, record.hash)
    trace = _mapping(event, "trace")
    if trace:
        added.trace_id = _identifier(trace.get("uid"), 16)
        # Older events have the span in `trace`.
        span = _mapping(event, "unmapped").get("span_uid") or _mapping(trace, "span").get("uid")
        added.span_id = _identifier(span, 8)


def _severity(record: Record, event: Mapping[str, Any]) -> tuple["SeverityNumber.ValueType", str]:
    status = event.get("status_id")
    of_status = _SEVERITIES.get(status, _INFO) if isinstance(status, int) else _INFO
    return _SEVERITIES_OF_KINDS.get(record.kind, of_status)


def _event_name(record: Record, event: Mapping[str, Any]) -> str:
    code = _mapping(event, "metadata").get("event_code") if record.kind == "event" else None
    return f"{SCOPE}.{code if isinstance(code, str) else record.kind}"


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _nanoseconds(milliseconds: object) -> int:
    return milliseconds * 1_000_000 if isinstance(milliseconds, int) and 0 <= milliseconds < 1 << 43 else 0


def _identifier(text: object, length: int) -> bytes:
    """Return a trace or span id; empty (OTLP: not set) if the text is not one."""
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
    return value if len(value) == length and any(value) else b""


def _set(attributes: Any, key: str, value: str | int) -> None:
    attribute = attributes.add(key=key)
    if isinstance(value, int):
        attribute.value.int_value = value
    else:
        attribute.value.string_value = value
