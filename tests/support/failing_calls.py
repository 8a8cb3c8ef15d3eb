"""Calls of the system that fail when a test wants it."""

import os
from collections.abc import Callable
from typing import Any

import pytest


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
