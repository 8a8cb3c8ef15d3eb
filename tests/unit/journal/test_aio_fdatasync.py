"""fdatasync by the kernel: its results on a real file, and the conversion of its errors."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import caio
import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.aio_fdatasync import AioFdatasync, open_aio_fdatasync
from tests.support.failing_calls import change_results, kernel_error
from tests.support.journals import journal_in, record_call, until_available, verified


@pytest.fixture
async def flusher() -> AsyncIterator[AioFdatasync]:
    flusher = open_aio_fdatasync(asyncio.get_running_loop())
    assert flusher is not None
    yield flusher
    flusher.close()


async def flushed(flusher: AioFdatasync, file: int) -> OSError | None:
    ended: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
    assert flusher.start(file, ended.set_result)
    return await asyncio.wait_for(ended, 30)


async def test_file_is_synced_repeatedly(tmp_path: Path, flusher: AioFdatasync) -> None:
    with (tmp_path / "file").open("wb") as file:
        for line in (b"one\n", b"two\n", b"three\n"):
            os.write(file.fileno(), line)
            assert await flushed(flusher, file.fileno()) is None


async def test_syncs_run_one_after_another(tmp_path: Path, flusher: AioFdatasync) -> None:
    """Each result goes to the callback of its sync, after the sync has ended."""
    results: list[str] = []
    with (tmp_path / "one").open("wb") as one, (tmp_path / "two").open("wb") as two:
        both = asyncio.Event()

        def second(error: OSError | None) -> None:
            results.append(f"two {error}")
            both.set()

        def first(error: OSError | None) -> None:
            results.append(f"one {error}")
            assert flusher.start(two.fileno(), second)

        assert flusher.start(one.fileno(), first)
        assert results == []
        await asyncio.wait_for(both.wait(), 30)
    assert results == ["one None", "two None"]


async def test_pipe_and_closed_file_are_rejected(tmp_path: Path, flusher: AioFdatasync) -> None:
    results: list[OSError | None] = []
    reading, writing = os.pipe()
    try:
        assert not flusher.start(writing, results.append)
    finally:
        os.close(reading)
        os.close(writing)
    assert not flusher.start(writing, results.append)
    # Later syncs work.
    with (tmp_path / "file").open("wb") as file:
        assert await flushed(flusher, file.fileno()) is None
    assert results == []


@pytest.mark.parametrize(
    ("result", "number"),
    [
        (kernel_error(errno.EIO), errno.EIO),
        (kernel_error(errno.ENOSPC), errno.ENOSPC),
        (-errno.EIO, errno.EIO),
        (1, errno.EIO),
    ],
    ids=["an error", "another", "with its sign", "no error, and no success either"],
)
async def test_kernel_error_is_reported(
    tmp_path: Path, flusher: AioFdatasync, monkeypatch: pytest.MonkeyPatch, result: int, number: int
) -> None:
    change_results(monkeypatch, lambda _: result)
    with (tmp_path / "file").open("wb") as file:
        error = await flushed(flusher, file.fileno())
    assert error is not None
    assert (error.errno, error.strerror) == (number, os.strerror(number))


class Silent:
    """A kernel, or a sandbox, that accepts syncs and does not report their results."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.fileno, self.submit, self.poll = context.fileno, context.submit, context.poll

    def process_events(self) -> int:
        raise SystemError(errno.EPERM, os.strerror(errno.EPERM))


async def test_unreadable_result_counts_as_failure_and_disables_the_kernel(
    tmp_path: Path, flusher: AioFdatasync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "_context", Silent(flusher._context))
    with (tmp_path / "file").open("wb") as file:
        error = await flushed(flusher, file.fileno())
        assert error is not None
        assert error.errno == errno.EIO
        # The next result could not be attributed to a sync.
        results: list[OSError | None] = []
        assert not flusher.start(file.fileno(), results.append)
        assert results == []


async def test_journal_works_after_an_unreadable_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = caio.linux_aio.Context
    monkeypatch.setattr(caio.linux_aio, "Context", lambda max_requests: Silent(context(max_requests=max_requests)))
    async with journal_in(tmp_path) as journal:
        with pytest.raises(JournalUnavailable, match="EIO"):
            await record_call(journal, "r1")
        await until_available(journal)
        for number in range(3):
            await record_call(journal, f"s{number}")
        assert journal.available
    assert verified(tmp_path).open == ()


async def test_eventfd_is_not_inherited(flusher: AioFdatasync) -> None:
    assert not os.get_inheritable(flusher._context.fileno)


async def test_no_context_without_kernel_support(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(max_requests: int) -> None:
        raise SystemError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as refusing:
        refusing.setattr(caio.linux_aio, "Context", refuse)
        assert open_aio_fdatasync(asyncio.get_running_loop()) is None
    monkeypatch.setattr(caio, "linux_aio", None)
    assert open_aio_fdatasync(asyncio.get_running_loop()) is None
