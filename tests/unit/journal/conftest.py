"""A disk that fails on demand."""

import os

import pytest

from tests.support.failing_calls import Failing


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Failing:
    failing = Failing(monkeypatch)
    failing.replace_syncs()
    return failing


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Failing:
    failing = Failing(monkeypatch)
    real = os.pwrite
    # Like a full disk it takes the first bytes.
    failing.replace("pwrite", lambda file, line, offset: real(file, line[: len(line) // 2], offset))
    return failing
