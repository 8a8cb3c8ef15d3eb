"""What gRPC says of callers that are gone is no line; what else it says is one."""

import logging

import pytest

from tests.support.logs import configured_log


def test_callers_that_are_gone_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with configured_log():
        log = logging.getLogger("grpc._cython.cygrpc")
        log.error("ExecuteBatchError raised in core by servicer method [%s]", "/x/Y")
        log.error("Unexpected [%s] raised by servicer method [%s]", "KeyError", "/x/Y")
    said = capsys.readouterr().err
    assert "ExecuteBatchError" not in said
    assert "Unexpected [KeyError]" in said
