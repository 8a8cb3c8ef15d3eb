"""System calls that fail, or are held back, on demand."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gateway.journal.write import group_commit
from gateway.journal.write.aio_fdatasync import AioFdatasync, OnDone


def without_aio_fdatasync(patch: pytest.MonkeyPatch) -> None:
    """Make journals that are opened later sync on a thread, as if the kernel had no asynchronous fdatasync."""
    patch.setattr(group_commit, "open_aio_fdatasync", lambda loop: None)


def change_results(patch: pytest.MonkeyPatch, change: Callable[[int], int]) -> None:
    """Change the results of asynchronous fdatasyncs. `kernel_error` makes an error."""
    real = AioFdatasync._keep_result
    patch.setattr(AioFdatasync, "_keep_result", lambda aio, on_done, result: real(aio, on_done, change(result)))


def kernel_error(number: int) -> int:
    """Return an error number in the form in which caio returns it."""
    return (1 << 64) - number


class Failing:
    """System calls that fail while `error` is set. calls: how many calls were made."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.error: int | None = None
        self.calls = 0
        self._patch = patch

    def replace(self, name: str, before: Callable[..., object] = lambda *arguments: None) -> None:
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.error is None:
                return real(*arguments)
            before(*arguments)
            raise OSError(self.error, os.strerror(self.error))

        self._patch.setattr(os, name, call)

    def replace_syncs(self) -> None:
        """Replace fdatasync, both on a thread and in the kernel."""
        self.replace("fdatasync")

        def changed(result: int) -> int:
            self.calls += 1
            return result if self.error is None else kernel_error(self.error)

        change_results(self._patch, changed)


class HeldSyncs:
    """Syncs of journals that are opened later: between `hold` and `release` they begin, and do not end."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self._free = threading.Event()
        self._free.set()
        sync, start, read_result = os.fdatasync, AioFdatasync.start, AioFdatasync._read_result

        def held_sync(file: int) -> None:
            self.begun += 1
            self._free.wait(30)
            sync(file)

        def counted(aio: AioFdatasync, file: int, on_done: OnDone) -> bool:
            self.begun += 1
            return start(aio, file, on_done)

        def held_result(aio: AioFdatasync) -> None:
            if self._free.is_set():
                read_result(aio)

        patch.setattr(os, "fdatasync", held_sync)
        patch.setattr(AioFdatasync, "start", counted)
        patch.setattr(AioFdatasync, "_read_result", held_result)

    def hold(self) -> None:
        self.begun = 0
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def one_has_begun(self) -> bool:
        return self.begun > 0
