"""Files that the command line writes, on a file system without hard links."""

import os
from pathlib import Path

import pytest

from keyway.new_files import new_file
from tests.support.hard_links import ERRORS, forbid_hard_links


@pytest.mark.parametrize("code", ERRORS)
def test_file_is_written_without_hard_links(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_hard_links(monkeypatch, code)
    path = tmp_path / "key.pem"
    with new_file(path, force=False, private=True) as file:
        file.write(b"secret")
    assert path.read_bytes() == b"secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["key.pem"]


def test_file_of_another_process_is_kept_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_hard_links(monkeypatch)
    path = tmp_path / "key.pem"

    def write() -> None:
        with new_file(path, force=False, private=True) as file:
            file.write(b"mine")
            path.write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        write()
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["key.pem"]
