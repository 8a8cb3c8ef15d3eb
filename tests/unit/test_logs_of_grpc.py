"""The log of gRPC: messages about disconnected callers are dropped, and all others are kept."""

import logging

import pytest

from tests.support.logs import configured_log


def test_disconnected_callers_are_not_logged_as_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        log = logging.getLogger("grpc._cython.cygrpc")
        log.error("ExecuteBatchError raised in core by servicer method [%s]", "/x/Y")
        log.error("Unexpected [%s] raised by servicer method [%s]", "KeyError", "/x/Y")
    said = capsys.readouterr().err
    assert "ExecuteBatchError" not in said
    assert "Unexpected [KeyError]" in said
