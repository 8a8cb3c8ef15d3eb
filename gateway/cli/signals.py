"""Signals: SIGTERM, SIGINT, and SIGHUP begin a graceful stop, and a second SIGTERM or SIGINT ends the process."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def stop_event(on_second_signal: Callable[[], None] = lambda: None) -> asyncio.Event:
    """Return an event that the first stop signal sets. A second one calls `on_second_signal` and ends the process.

    SIGHUP, which a terminal sends when it closes, also begins the stop. (The supervisor of several workers replaces
    this by a reload.) It never counts as the second signal, because service managers can send it together with SIGTERM.
    If the parent process ignores SIGHUP, as `nohup` does, it stays ignored.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end_process(number: int, _frame: object) -> None:
        """End the process with code 128 + signal. The kernel does not kill process 1 of a container by default."""
        on_second_signal()
        os._exit(128 + number)

    def begin_stop() -> None:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, end_process)
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, begin_stop)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, begin_stop)
    return stop
