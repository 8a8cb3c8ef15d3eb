"""The audit journal on a disk that fails below its file system: writes succeed, and the sync fails."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.journal.errors import JournalUnavailable
from tests.support.disks import fill, in_memory, mounted
from tests.support.failing_calls import without_aio_fdatasync
from tests.support.journals import bodies, intent, journal_in, outcome, record_call, until_available, verified
from tests.support.programs import require_loop_devices

pytestmark = pytest.mark.xdist_group("container")

PROMISED = 48 * 1024 * 1024
BEHIND = 6 * 1024 * 1024


@pytest.fixture
def thin_disk(tmp_path: Path) -> Iterator[Path]:
    """A thin-provisioned disk: the folder `behind` has less space than the disk reports."""
    require_loop_devices()
    with in_memory(tmp_path / "behind", BEHIND) as behind:
        image = behind / "image"
        with image.open("wb") as file:
            file.truncate(PROMISED)
        # A file system with a journal would become read-only at the first failure.
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-O", "^has_journal", "-E", "nodiscard", image], check=True)
        with mounted(tmp_path / "thin", "-t", "ext4", "-o", "loop", image) as place:
            yield place


@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "thread"])
async def test_record_that_is_not_on_disk_is_not_acknowledged(
    thin_disk: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    if not kernel:
        without_aio_fdatasync(monkeypatch)
    directory = thin_disk / "audit"
    async with journal_in(directory) as journal:
        await record_call(journal, "before")
        ballast = fill(thin_disk.with_name("behind"))
        journal.append(intent("lost", pad="x" * (BEHIND // 2)))
        receipt = journal.append(outcome("lost"))
        with pytest.raises(JournalUnavailable, match=r"ENOSPC|EIO"):
            await journal.commit(receipt)
        with pytest.raises(JournalUnavailable, match=r"ENOSPC|EIO"):
            journal.append(intent("refused"))
        ballast.unlink()
        await until_available(journal)
        await record_call(journal, "after")
    assert verified(directory).open == ()
    assert bodies(directory, "interruption")[0]["reason"] in {"ENOSPC", "EIO"}
