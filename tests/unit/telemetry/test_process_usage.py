"""The resources that a process uses."""

import resource
import time
from pathlib import Path

import pytest

from gateway.telemetry import process_usage


def test_memory_grows_with_the_data_of_the_process() -> None:
    before = process_usage.resident_bytes()
    data = bytearray(b"x") * 50_000_000
    after = process_usage.resident_bytes()
    assert before is not None
    assert after is not None
    assert 40_000_000 < after - before < 100_000_000
    assert data


def test_cpu_time_grows_with_work() -> None:
    before = process_usage.cpu_seconds()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    after = process_usage.cpu_seconds()
    assert set(after) == {"user", "system"}
    assert 0.05 < sum(after.values()) - sum(before.values()) < 1


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = process_usage.open_files()
    with (tmp_path / "a").open("w"), (tmp_path / "b").open("w"):
        during = process_usage.open_files()
    assert before is not None
    assert during == before + 2
    assert process_usage.open_files() == before


def test_limit_of_open_files_is_the_soft_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert process_usage.open_files_limit() == soft
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, hard))
    assert process_usage.open_files_limit() is None


def test_system_without_proc_has_no_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_usage, "_SELF", tmp_path / "absent")
    assert (process_usage.resident_bytes(), process_usage.open_files()) == (None, None)
