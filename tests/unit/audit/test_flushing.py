"""fdatasync by the kernel: what is true of it on a real file, and what is made of its errors."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.audit import flushing
from gateway.audit.flushing import Flusher, kernel_flusher


@pytest.fixture
async def flusher() -> AsyncIterator[Flusher]:
    flusher = Flusher(asyncio.get_running_loop())
    yield flusher
    flusher.close()


async def flushed(flusher: Flusher, file: int) -> OSError | None:
    ended: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
    assert flusher.begin(file, ended.set_result)
    return await asyncio.wait_for(ended, 30)


async def test_a_file_is_flushed_again_and_again(tmp_path: Path, flusher: Flusher) -> None:
    with (tmp_path / "file").open("wb") as file:
        for line in (b"one\n", b"two\n", b"three\n"):
            os.write(file.fileno(), line)
            assert await flushed(flusher, file.fileno()) is None


async def test_one_after_another(tmp_path: Path, flusher: Flusher) -> None:
    """The answer of one is told to who began it, and not before it is there."""
    told: list[str] = []
    with (tmp_path / "one").open("wb") as one, (tmp_path / "two").open("wb") as two:
        both = asyncio.Event()

        def second(error: OSError | None) -> None:
            told.append(f"two {error}")
            both.set()

        def first(error: OSError | None) -> None:
            told.append(f"one {error}")
            assert flusher.begin(two.fileno(), second)

        assert flusher.begin(one.fileno(), first)
        assert told == []
        await asyncio.wait_for(both.wait(), 30)
    assert told == ["one None", "two None"]


async def test_what_can_not_be_flushed_is_refused_at_once(tmp_path: Path, flusher: Flusher) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)

    def never(error: OSError | None) -> None:
        raise AssertionError(error)

    assert not flusher.begin(writing, never)
    pipe = os.pipe()
    try:
        assert not flusher.begin(pipe[1], never)
    finally:
        for end in pipe:
            os.close(end)
    # It is as good as before.
    with (tmp_path / "file").open("wb") as file:
        assert await flushed(flusher, file.fileno()) is None


@pytest.mark.parametrize("sign", [1 << 64, 0], ids=["without a sign", "with a sign"])
async def test_an_error_of_the_kernel_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    real = Flusher._told
    monkeypatch.setattr(Flusher, "_told", lambda self, result: real(self, sign - errno.EIO))
    flusher = Flusher(asyncio.get_running_loop())
    try:
        with (tmp_path / "file").open("wb") as file:
            error = await flushed(flusher, file.fileno())
    finally:
        flusher.close()
    assert error is not None
    assert (error.errno, error.strerror) == (errno.EIO, os.strerror(errno.EIO))


async def test_none_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        @staticmethod
        def Context(max_requests: int) -> None:  # noqa: N802 - caio names it
            raise SystemError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(flushing, "linux_aio", Refusing)
    assert kernel_flusher(asyncio.get_running_loop()) is None
    monkeypatch.setattr(flushing, "linux_aio", None)
    assert kernel_flusher(asyncio.get_running_loop()) is None
