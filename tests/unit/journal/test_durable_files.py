"""Small files that are written at once, with and without hard links in the file system."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.journal.format.durable_files import create, replace
from tests.support.hard_links import ERRORS, forbid_hard_links
from tests.support.journals import journal_in, record_call, verified


@pytest.fixture(params=[None, *ERRORS], ids=["links", *map(os.strerror, ERRORS)])
def _link(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param is not None:
        forbid_hard_links(monkeypatch, request.param)


@pytest.mark.usefixtures("_link")
def test_file_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert create(path, b"first")
    assert not create(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.usefixtures("_link")
def test_one_of_several_concurrent_calls_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda number: create(path, b"%d" % number), range(8)))
    assert created.count(True) == 1
    assert path.read_bytes() == b"%d" % created.index(True)
    assert os.listdir(tmp_path) == ["key"]


def test_short_write_leaves_the_previous_content(tmp_path: Path) -> None:
    """Like a disk with little free space, the limit takes a part of the write without an error."""
    path = tmp_path / "manifest"
    replace(path, b"previous")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            replace(path, b"x" * 6000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"previous"
    assert os.listdir(tmp_path) == ["manifest"]


@pytest.mark.parametrize("code", ERRORS)
async def test_journal_needs_no_hard_links(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_hard_links(monkeypatch, code)
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    assert verified(tmp_path).intents == 1
