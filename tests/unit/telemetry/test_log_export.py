"""Export of log lines as OTLP log records."""

import contextlib
import logging
from collections.abc import Iterator, Mapping

import pytest
import structlog
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from gateway import log_fields
from gateway.telemetry.log_export import LogExport
from tests.support.logs import configured_log
from tests.support.traces import SPAN_ID, TRACE_ID


class Exported:
    """The exported records of log lines."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))
        self.handler = LogExport(provider)

    @property
    def records(self) -> list[ReadableLogRecord]:
        return list(self._exporter.get_finished_logs())


class Known:
    """A call with these log fields."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def log_fields(self) -> Mapping[str, str]:
        return self._fields


@contextlib.contextmanager
def within(fields: Mapping[str, str]) -> Iterator[None]:
    """Log the lines of this block within a call with these fields."""
    token = log_fields.CURRENT.set(Known(fields))
    yield
    log_fields.CURRENT.reset(token)


@pytest.fixture
def exported() -> Iterator[Exported]:
    with configured_log():
        found = Exported()
        logging.getLogger().addHandler(found.handler)
        yield found


def test_line_is_exported_with_fields_and_span(exported: Exported) -> None:
    log = structlog.stdlib.get_logger("gateway.test")
    with within({"trace_id": TRACE_ID, "span_id": SPAN_ID, "method": "m"}):
        log.warning("provider_failed", provider="warp", http_status=503, providers=["a"], nothing=None)
    (record,) = (found.log_record for found in exported.records)
    assert record.body == "provider_failed"
    assert record.severity_number is SeverityNumber.WARN
    assert (f"{record.trace_id:032x}", f"{record.span_id:016x}") == (TRACE_ID, SPAN_ID)
    assert dict(record.attributes or {}) == {
        "logger": "gateway.test",
        "method": "m",
        "provider": "warp",
        "http_status": 503,
        "providers": "['a']",
    }


def test_line_of_a_library_has_the_trace_of_the_call(exported: Exported) -> None:
    with within({"trace_id": TRACE_ID, "span_id": SPAN_ID}):
        logging.getLogger("aiohttp.client").error("went %s", "wrong")
    (record,) = (found.log_record for found in exported.records)
    assert record.body == "library_log"
    attributes = dict(record.attributes or {})
    assert (attributes["library"], attributes["message"]) == ("aiohttp.client", "went %s")
    assert f"{record.trace_id:032x}" == TRACE_ID


def test_exception_is_exported_without_local_variables(exported: Exported) -> None:
    def fail(password: str) -> None:
        raise RuntimeError(len(password))

    try:
        fail("-".join(["secret", "in", "a", "variable"]))
    except RuntimeError:
        structlog.stdlib.get_logger("gateway.test").exception("internal error")
    (record,) = (found.log_record for found in exported.records)
    attributes = dict(record.attributes or {})
    assert attributes["exception.type"] == "RuntimeError"
    assert "raise RuntimeError(len(password))" in str(attributes["exception.stacktrace"])
    assert "secret-in-a-variable" not in str(attributes)
    assert record.trace_id == 0


@pytest.mark.parametrize("name", ["opentelemetry.exporter.otlp", "gateway.telemetry.export_errors"])
def test_lines_of_telemetry_are_not_exported(exported: Exported, name: str) -> None:
    logging.getLogger(name).error("export failed")
    assert not exported.records


def test_lines_below_the_level_are_not_exported(exported: Exported) -> None:
    structlog.stdlib.get_logger("gateway.test").debug("detail")
    assert not exported.records
