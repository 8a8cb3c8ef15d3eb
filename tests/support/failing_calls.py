"""Calls of the system that fail, or take their time, when a test wants it."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gateway.journal.write import group_commit
from gateway.journal.write.aio_fdatasync import Ended, Flusher


def without_kernel_flushes(patch: pytest.MonkeyPatch) -> None:
    """Journals opened from now on have their syncs done by a thread, as where the kernel offers none."""
    patch.setattr(group_commit, "kernel_flusher", lambda loop: None)


def change_results(patch: pytest.MonkeyPatch, change: Callable[[int], int]) -> None:
    """Of flushes by the kernel: what it says becomes what `change` makes of it. An error: `kernel_error`."""
    real = Flusher._tell
    patch.setattr(Flusher, "_tell", lambda flusher, ended, result: real(flusher, ended, change(result)))


def kernel_error(number: int) -> int:
    """As it comes from the kernel through caio."""
    return (1 << 64) - number


class Failing:
    """Calls of the system that fail while `error` is set."""

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
        """fdatasync, whoever does it: a thread, or the kernel, which tells errors as it does."""
        self.replace("fdatasync")

        def changed(result: int) -> int:
            self.calls += 1
            return result if self.error is None else kernel_error(self.error)

        change_results(self._patch, changed)


class HeldSyncs:
    """Syncs that begin, and do not end between `hold` and `release`, whoever does them: for journals opened later."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self._free = threading.Event()
        self._free.set()
        sync, begin, look = os.fdatasync, Flusher.begin, Flusher._look

        def held_sync(file: int) -> None:
            self.begun += 1
            self._free.wait(30)
            sync(file)

        def counted(flusher: Flusher, file: int, ended: Ended) -> bool:
            self.begun += 1
            return begin(flusher, file, ended)

        def held_look(flusher: Flusher) -> None:
            if self._free.is_set():
                look(flusher)

        patch.setattr(os, "fdatasync", held_sync)
        patch.setattr(Flusher, "begin", counted)
        patch.setattr(Flusher, "_look", held_look)

    def hold(self) -> None:
        self.begun = 0
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def one_has_begun(self) -> bool:
        return self.begun > 0
