"""The disk usage of the journal: measurement, trend, metrics, and the warning about a disk that is nearly full."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import metrics_bindings
from gateway.journal.write import disk_usage
from gateway.journal.write.disk_usage import DiskUsage, DiskWatch, FreeSpaceTrend, measure
from gateway.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.support.journals import audit_settings, journal_in, record_call
from tests.support.waiting import eventually

GIB = 1 << 30
WARNING = "audit_disk_nearly_full"


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def test_size_is_that_of_the_files(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as first, journal_in(tmp_path, worker=1) as second:
        await record_call(first, "r1")
        usage = measure(first.folder)
        assert usage.chain == size_of(first.folder) > 1 << 20
        assert usage.journal == usage.chain + size_of(second.folder)
    status = os.statvfs(tmp_path)
    assert 0 < usage.free < usage.capacity <= status.f_blocks * status.f_frsize
    assert 0 < usage.used_share < 1


def test_time_to_full_follows_the_free_space() -> None:
    trend = FreeSpaceTrend()
    assert trend.seconds_to_full() is None
    for moment in range(0, 50, 10):
        trend.add(moment, GIB - moment * 1000)
    assert trend.seconds_to_full() is None
    trend.add(100, GIB - 100 * 1000)
    assert trend.seconds_to_full() == pytest.approx((GIB - 100_000) / 1000)


def test_time_to_full_smooths_the_steps_of_compression() -> None:
    """Segments grow by 64 MiB, and shrink to a tenth when they are compressed: 1 MiB per second becomes 0.1 MiB."""
    trend = FreeSpaceTrend()
    free = 100 * GIB
    for moment in range(0, 3600, 10):
        grown = moment % 64 << 20
        trend.add(moment, free - (moment // 64 * 64 * (1 << 20)) // 10 - grown)
    seconds = trend.seconds_to_full()
    assert seconds is not None
    assert seconds == pytest.approx(100 * 1024 * 10, rel=0.1)


def test_time_to_full_is_absent_while_free_space_does_not_shrink() -> None:
    trend = FreeSpaceTrend()
    for moment in range(0, 7200, 10):
        trend.add(moment, GIB - max(0, 3000 - moment))
    assert trend.seconds_to_full() is None


def test_warning_is_logged_at_80_percent_and_once_per_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, free = ManualClock(), 21
    monkeypatch.setattr(disk_usage, "_clock", clock)
    monkeypatch.setattr(disk_usage, "measure", lambda chain: DiskUsage(1, 2, free, 100))
    watch = DiskWatch(tmp_path / "worker-0")
    with capture_logs() as logs:
        watch.update()
        assert logs == []
        free = 20
        for _ in range(360):
            watch.update()
            clock.now += 10
        (warning,) = logs
        assert (warning["event"], warning["used_percent"], warning["free_bytes"]) == (WARNING, 80, 20)
        watch.update()
        assert len(logs) == 2
        # The next crossing warns again.
        free = 30
        watch.update()
        free = 20
        watch.update()
        assert len(logs) == 3
        DiskWatch(tmp_path / "worker-1").update()
        assert len(logs) == 3


@pytest.mark.parametrize("alone", [True, False])
async def test_metrics_show_the_disk_usage(tmp_path: Path, alone: bool) -> None:
    metrics = Metrics()
    async with journal_in(tmp_path) as journal, journal_in(tmp_path, worker=1):
        metrics_bindings.journal(journal, audit_settings(tmp_path), metrics, alone=alone)

        async def measured() -> bool:
            return journal.disk.usage is not None

        await eventually(measured)
        found = {series.about.name: series.points[0].value for series in metrics.read()}
        usage = journal.disk.usage
        assert usage is not None
        assert found["keyway.audit.size"] == (usage.journal if alone else usage.chain)
        assert found["keyway.audit.disk.free"] == usage.free
        assert found["keyway.audit.disk.used"] == usage.used_share
        assert "keyway.audit.disk.time_to_full" not in found
        journal.disk.seconds_to_full = 60.0
        assert {series.about.name: series.points[0].value for series in metrics.read()}[
            "keyway.audit.disk.time_to_full"
        ] == 60
