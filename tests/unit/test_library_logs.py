"""Log lines of libraries: without peer input, limited in rate, and still useful."""

import asyncio
import json
import logging
import traceback
import warnings
from typing import Any

import pytest

from gateway.library_logs import LibraryLogs
from tests.support.clock import ManualClock
from tests.support.logs import configured_log

SECRET = "bearer-token-of-a-peer"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_values_are_removed_from_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        logging.getLogger("grpc._cython.cygrpc").error("Invalid encoding on %s", SECRET.encode())
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("library_log", "error")
    assert (line["library"], line["message"]) == ("grpc._cython.cygrpc", "Invalid encoding on %s")
    assert SECRET not in str(line)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (f"Unexpected [KeyError] raised by servicer method [/{SECRET}]", "Unexpected"),
        (f"Task exception was never retrieved\nfuture: <Task {SECRET}>", "Task exception was never retrieved"),
        (f"{SECRET} is unknown", ""),
    ],
)
def test_formatted_message_keeps_only_a_known_beginning(
    message: str, kept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured_log():
        logging.getLogger("some.library").error(message)
    (line,) = lines(capsys)
    assert line["message"] == kept
    assert SECRET not in str(line)


def test_exception_keeps_its_types_and_places(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        try:
            _ = dict[str, str]()[SECRET]
        except KeyError as error:
            raise ValueError(SECRET) from error

    with configured_log():
        try:
            fail()
        except ValueError:
            logging.getLogger("aiohttp.server").exception("Error handling request from %s", SECRET)
    (line,) = lines(capsys)
    assert line["error"] == "ValueError from KeyError"
    assert line["frames"][-1].endswith(" fail")
    assert __file__ in line["frames"][-1]
    assert SECRET not in str(line)


def test_lines_with_the_same_message_are_limited_in_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        for _ in range(1000):
            logging.getLogger("grpc").error("Invalid encoding on %s", SECRET)
        logging.getLogger("grpc").error("another message of %s", SECRET)
    assert [line["message"] for line in lines(capsys)] == ["Invalid encoding on %s", "another message of %s"]


def test_next_line_states_how_many_were_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    with configured_log():
        handler = LibraryLogs(clock)
        record = logging.LogRecord("grpc", logging.ERROR, "", 0, "Invalid encoding on %s", (SECRET,), None)
        for _ in range(10):
            handler.handle(record)
        clock.now += 1.0
        handler.handle(record)
    assert [line.get("suppressed") for line in lines(capsys)] == [None, 9]


def test_many_different_messages_share_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        for number in range(1000):
            logging.getLogger(f"library.{number}").error("failed: %s", SECRET)
    assert len(lines(capsys)) < 300


def test_warning_keeps_its_place_and_category(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log(), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"unusual certificate {SECRET}", UserWarning, stacklevel=1)
    (line,) = lines(capsys)
    assert line["message"].startswith(__file__)
    assert line["message"].endswith(": UserWarning")
    assert SECRET not in str(line)


def test_disconnected_callers_are_not_logged_as_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        logging.getLogger("grpc._cython.cygrpc").error("ExecuteBatchError raised in core by servicer method [/x/Y]")
    assert lines(capsys) == []


async def test_failed_task_is_logged_without_its_objects(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": ValueError(SECRET), "peer": SECRET}
        )
    (line,) = lines(capsys)
    assert (line["message"], line["error"]) == ("Task exception was never retrieved", "ValueError")
    assert SECRET not in str(line)


def test_printed_traceback_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        try:
            _ = dict[str, str]()[SECRET]
        except KeyError:
            traceback.print_exc()
    (line,) = lines(capsys)
    assert (line["message"], line["error"]) == ("Exception printed", "KeyError")
    assert SECRET not in str(line)
