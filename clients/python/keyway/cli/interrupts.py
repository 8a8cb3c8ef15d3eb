"""Ctrl-C: ends the process immediately while modules are loaded, and raises KeyboardInterrupt while a command runs.

`keyway_cli` selects the first mode when the process starts, because Python prints a traceback for KeyboardInterrupt in
code that does not expect it.
"""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C within the block."""
    with _handled(signal.SIG_DFL, signal.default_int_handler):
        yield


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """End the process for Ctrl-C within the block, in which modules are loaded."""
    with _handled(signal.default_int_handler, signal.SIG_DFL):
        yield


@contextlib.contextmanager
def _handled(before: Any, within: Any) -> Iterator[None]:
    """Replace the handler `before`. Keep any other handler: the parent process can have set the signal to ignored."""
    if signal.getsignal(signal.SIGINT) != before:
        yield
        return
    signal.signal(signal.SIGINT, within)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
