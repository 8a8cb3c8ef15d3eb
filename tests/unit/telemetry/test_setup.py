"""Start of the configured signals; an unavailable receiver delays nothing."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from gateway.redaction import DEFAULT_REDACTION
from gateway.telemetry import export_errors, otlp
from gateway.telemetry.export_errors import ExportErrors
from gateway.telemetry.settings import TelemetrySettings
from gateway.telemetry.setup import Telemetry
from tests.support.echoes import FORMS
from tests.support.ports import free_port
from tests.support.secrecy import Secret, leaks
from tests.support.traces import METHOD, SAMPLED, SPAN_ID, TRACE_ID


def start(**settings: object) -> Telemetry:
    return Telemetry.start(TelemetrySettings.model_validate(settings), "1.2.3", "worker-0")


async def test_disabled_signals_create_no_objects() -> None:
    before = threading.active_count(), logging.getLogger().handlers[:]
    telemetry = start()
    assert telemetry.metrics is None
    assert telemetry.begin(METHOD, ()) is None
    passed = telemetry.begin(METHOD, SAMPLED)
    assert passed is not None
    assert (passed.trace_id, passed.span_id) == (TRACE_ID, SPAN_ID)
    assert (threading.active_count(), logging.getLogger().handlers[:]) == before
    await telemetry.close()


async def test_prometheus_needs_no_otlp_endpoint() -> None:
    telemetry = start(prometheus_listen="127.0.0.1:0")
    assert telemetry.metrics is not None
    assert telemetry.prometheus_port
    assert telemetry.begin(METHOD, ()) is None
    await telemetry.close()


async def test_otel_sdk_disabled_turns_telemetry_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry = start(endpoint="http://127.0.0.1:1", traces={"sample_ratio": 1}, metrics={}, logs=True)
    assert telemetry.metrics is None
    assert telemetry.begin(METHOD, ()) is None
    await telemetry.close()


@pytest.mark.parametrize(("given", "milliseconds"), [({}, 1000), ({"OTEL_BSP_SCHEDULE_DELAY": "250"}, 250)])
async def test_export_delay_is_a_second_or_the_standard_variable(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], milliseconds: int
) -> None:
    monkeypatch.delenv("OTEL_BSP_SCHEDULE_DELAY", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    made: list[float] = []
    monkeypatch.setattr(otlp, "BatchSpanProcessor", partial(_noted, made))
    await start(endpoint="http://127.0.0.1:1", traces={"sample_ratio": 1}).close()
    assert made == [milliseconds]


def _noted(made: list[float], *arguments: Any, **options: Any) -> BatchSpanProcessor:
    """Create a real processor, and record its delay in milliseconds."""
    processor = BatchSpanProcessor(*arguments, **options)
    made.append(processor._batch_processor._schedule_delay * 1000)
    return processor


async def test_unavailable_receiver_delays_neither_calls_nor_shutdown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = threading.active_count()
    telemetry = start(endpoint=f"http://127.0.0.1:{free_port()}", traces={"sample_ratio": 1}, metrics={}, logs=True)
    assert telemetry.metrics is not None
    started = time.process_time()
    for _ in range(5000):  # more than the queue holds
        trace = telemetry.begin(METHOD, ())
        assert trace is not None
        trace.end(code_pb2.OK)
    assert (time.process_time() - started) / 5000 < 0.001
    began = time.monotonic()
    await telemetry.close(0.2)
    assert time.monotonic() - began < 1.5
    assert threading.active_count() == before
    said = capsys.readouterr().out
    assert said.count("telemetry_export_failed") == 1  # the queue was full
    assert said.count("telemetry_shutdown_timeout") == 1
    assert telemetry.begin(METHOD, ()) is None


async def test_failed_start_leaves_nothing_behind() -> None:
    first = start(prometheus_listen="127.0.0.1:0")
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"):
        start(prometheus_listen=first.prometheus_port)
    assert threading.active_count() == before
    assert logging.getLogger("opentelemetry").handlers
    await first.close()
    assert not logging.getLogger("opentelemetry").handlers


def test_export_errors_are_logged_once_per_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complaints = ExportErrors()
    complaints.install()
    try:
        logger = logging.getLogger("opentelemetry.exporter")
        for attempt in range(5):
            logger.error("Failed to export %s", attempt, exc_info=False)  # as the exporters do
            logger.warning("Transient error %s", attempt)
        monkeypatch.setattr(export_errors, "PAUSE_SECONDS", 0.0)
        logger.error("Failed again", exc_info=ValueError("a message that stays inside"))
    finally:
        complaints.remove()
    first, second = capsys.readouterr().out.splitlines()
    assert "Failed to export 0" in first
    assert "Failed again (ValueError)" in second
    assert "stays inside" not in second
    assert "suppressed=4" in second


@pytest.mark.parametrize("form", FORMS.values())
def test_text_of_a_collector_that_can_repeat_the_token_is_not_logged(
    form: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    echo, token = form("telemetry-token-07be"), Secret("the token", "telemetry-token-07be")
    errors = ExportErrors("https://collector:4317")
    errors.install()
    try:
        template = "Failed to export %s to %s, error code: %s, error details: %s"  # as the exporters do
        arguments = ("traces", "collector:4317", grpc.StatusCode.UNAUTHENTICATED, echo)
        logging.getLogger("opentelemetry.exporter").error(template, *arguments)
    finally:
        errors.remove()
    line = capsys.readouterr().out
    assert "Failed to export traces to collector:4317, error code: StatusCode.UNAUTHENTICATED" in line
    assert DEFAULT_REDACTION.placeholder(echo) in line
    assert leaks({token}, line.encode()) == []
