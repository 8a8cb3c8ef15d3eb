"""Export of the log as OTLP log records: the same lines as on standard error, with the trace of each line.

Lines of telemetry itself are not exported: a line about a failed export would cause the next export. Records of
libraries are not exported either: `library_logs` logs them again as lines of the gateway.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from gateway import library_logs, log_fields
from gateway.telemetry import conventions as names

_OWN_LOGGERS: Final = ("gateway.telemetry", "opentelemetry")
_EXPORTING_THREADS: Final = "Otel"
"""Prefix of the names of exporter threads, on which gRPC can log."""

_SEVERITIES: Final = (
    (logging.CRITICAL, SeverityNumber.FATAL, "FATAL"),
    (logging.ERROR, SeverityNumber.ERROR, "ERROR"),
    (logging.WARNING, SeverityNumber.WARN, "WARN"),
    (logging.INFO, SeverityNumber.INFO, "INFO"),
    (logging.NOTSET, SeverityNumber.DEBUG, "DEBUG"),
)
_NOT_FIELDS: Final = frozenset(
    {"event", "level", "logger", "timestamp", "exc_info", "stack_info", "trace_id", "span_id"}
)


class LogExport(logging.Handler):
    """A logging handler that passes every line to the queue of the SDK."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger(names.SCOPE, schema_url=names.SCHEMA_URL)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record. Never raises and never blocks."""
        if library_logs.is_of_library(record) or _source(record).startswith(_OWN_LOGGERS) or record.threadName is None:
            return
        if record.threadName.startswith(_EXPORTING_THREADS):
            return
        try:
            self._logger.emit(_log_record(record))
        except Exception:  # noqa: BLE001 - a logging handler must not raise into the code that logs
            self.handleError(record)


def _source(record: logging.LogRecord) -> str:
    """Return the name of the logger: of the library, for a line that `library_logs` logged again."""
    return str(record.msg.get("library", record.name)) if isinstance(record.msg, Mapping) else record.name


def _log_record(record: logging.LogRecord) -> LogRecord:
    structured = isinstance(record.msg, Mapping)
    fields: Mapping[str, Any] = record.msg if structured else log_fields.current()  # type: ignore[assignment]
    number, text = next((number, text) for level, number, text in _SEVERITIES if record.levelno >= level)
    return LogRecord(
        timestamp=int(record.created * 1e9),
        context=_context(fields.get("trace_id"), fields.get("span_id")),
        severity_number=number,
        severity_text=text,
        body=str(fields.get("event", "")) if structured else record.getMessage(),
        attributes={"logger": record.name, **_attributes(fields), **_exception(record, fields)},
    )


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | bool | int | float) else str(value)
        for key, value in fields.items()
        if key not in _NOT_FIELDS and not key.startswith("_") and value is not None
    }


def _exception(record: logging.LogRecord, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return type and traceback, without local variables, because they can contain secrets."""
    failed = fields.get("exc_info") or record.exc_info
    if failed is True:
        failed = sys.exc_info()
    error = failed[1] if isinstance(failed, tuple) else failed
    if not isinstance(error, BaseException):
        return {}
    return {
        "exception.type": type(error).__qualname__,
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }


def _context(trace_id: object, span_id: object) -> Context:
    """Return the context of the line's span; an empty one without IDs."""
    if not isinstance(trace_id, str) or not isinstance(span_id, str):
        return Context()
    ids = SpanContext(int(trace_id, 16), int(span_id, 16), False, TraceFlags(0))
    return set_span_in_context(NonRecordingSpan(ids), Context())
