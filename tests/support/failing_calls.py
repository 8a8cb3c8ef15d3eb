"""Calls of the system that fail when a test wants it."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from gateway.audit import committing
from gateway.audit.flushing import Flusher


def without_kernel_flushes(patch: pytest.MonkeyPatch) -> None:
    """Journals opened from now on have their syncs done by a thread, as where the kernel offers none."""
    patch.setattr(committing, "kernel_flusher", lambda loop: None)


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
        real = Flusher._told

        def told(flusher: Flusher, result: int) -> None:
            self.calls += 1
            real(flusher, result if self.error is None else (1 << 64) - self.error)

        self._patch.setattr(Flusher, "_told", told)
