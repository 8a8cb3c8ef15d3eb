"""The file watcher: what counts as a change, and detection of every change."""

import os
from pathlib import Path

import pytest

from gateway.config import file_watcher
from gateway.config.file_watcher import WatchedFiles


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_text("one")
    old(made)
    return made


def old(path: Path) -> None:
    """Set old times, beyond a tick of the file system clock. The change time of the inode cannot be set."""
    os.utime(path, (1, 1))


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watcher, "_TICK_NANOSECONDS", 0)


def test_unchanged_file_is_not_a_change(file: Path) -> None:
    watched = WatchedFiles([file], interval=0)
    file.read_text()
    assert [watched.changed() for _ in range(3)] == [False] * 3


def test_file_written_in_place_is_a_change(file: Path) -> None:
    watched = WatchedFiles([file], interval=0)
    file.write_text("two")
    assert [watched.changed() for _ in range(3)] == [True, False, False]


def test_replacement_with_equal_times_and_size_is_a_change(file: Path, tmp_path: Path) -> None:
    watched = WatchedFiles([file], interval=0)
    (tmp_path / "new").write_text("two")
    old(tmp_path / "new")
    (tmp_path / "new").replace(file)
    assert watched.changed()


def test_swapped_folder_link_is_a_change(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "file").write_text(version)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "file").symlink_to("..data/file")
    watched = WatchedFiles([tmp_path / "file"], interval=0)
    assert not watched.changed()
    (tmp_path / "new").symlink_to("2")
    (tmp_path / "new").replace(tmp_path / "..data")
    assert watched.changed()
    assert not watched.changed()


def test_removed_and_restored_file_is_a_change(file: Path) -> None:
    watched = WatchedFiles([file, file.with_name("never there")], interval=0)
    content = file.read_text()
    file.unlink()
    assert [watched.changed(), watched.changed()] == [True, False]
    file.write_text(content)
    assert [watched.changed(), watched.changed()] == [True, False]


def test_file_that_becomes_readable_is_a_change(file: Path) -> None:
    watched = WatchedFiles([file], interval=0)
    file.chmod(0o600)
    assert watched.changed()


def test_file_is_not_checked_within_the_interval(file: Path) -> None:
    watched = WatchedFiles([file], interval=3600)
    file.write_text("two")
    assert not watched.changed()
    assert watched.changed(now=True)
    assert not watched.changed(now=True)


def test_report_again_makes_the_next_check_report_a_change(file: Path) -> None:
    watched = WatchedFiles([file], interval=0)
    watched.report_again()
    assert [watched.changed(), watched.changed()] == [True, False]


def test_second_change_in_the_same_tick_is_detected(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change keeps times, size, and inode, so a recent change is reported until it is no longer recent."""
    watched = WatchedFiles([file], interval=0)
    monkeypatch.setattr(file_watcher, "_TICK_NANOSECONDS", 10**18)
    file.write_text("two")
    assert [watched.changed(), watched.changed()] == [True, True]
    monkeypatch.setattr(file_watcher, "_TICK_NANOSECONDS", 0)
    assert [watched.changed(), watched.changed()] == [True, False]
